/// The samplers that can be named; each equals one scheduler class of diffusers. A new one needs its line here and in
/// `allCases`.
public struct SamplerKind: RawRepresentable, CaseIterable, Codable, Hashable, Sendable {
    /// The name on the command line and in reports.
    public let rawValue: String
    /// The diffusers class whose arithmetic and default settings it follows.
    public let className: String
    /// The name that stable-diffusion-webui and others write into pictures.
    public let displayName: String
    private let make: @Sendable (SchedulerConfiguration, Int) throws -> any Sampler

    public static let ddim = SamplerKind("ddim", "DDIMScheduler", "DDIM", DDIMSampler.init)
    public static let pndm = SamplerKind("pndm", "PNDMScheduler", "PLMS", PNDMSampler.init)
    public static let euler = SamplerKind("euler", "EulerDiscreteScheduler", "Euler", EulerSampler.init)
    public static let eulerA = SamplerKind(
        "euler-a", "EulerAncestralDiscreteScheduler", "Euler a", EulerAncestralSampler.init)
    public static let heun = SamplerKind("heun", "HeunDiscreteScheduler", "Heun", HeunSampler.init)
    public static let dpmSolverMultistep = SamplerKind("dpm++-2m", "DPMSolverMultistepScheduler", "DPM++ 2M") {
        try DPMSolverMultistepSampler($0, steps: $1, usesKarrasSigmas: false)
    }
    public static let dpmSolverMultistepKarras = SamplerKind(
        "dpm++-2m-karras", "DPMSolverMultistepScheduler", "DPM++ 2M Karras"
    ) {
        try DPMSolverMultistepSampler($0, steps: $1, usesKarrasSigmas: true)
    }
    public static let uniPC = SamplerKind("unipc", "UniPCMultistepScheduler", "UniPC", UniPCSampler.init)
    public static let lcm = SamplerKind("lcm", "LCMScheduler", "LCM", LCMSampler.init)

    public static let allCases = [
        ddim, pndm, euler, eulerA, heun, dpmSolverMultistep, dpmSolverMultistepKarras, uniPC, lcm,
    ]

    private init(
        _ name: String, _ className: String, _ displayName: String,
        _ make: @escaping @Sendable (SchedulerConfiguration, Int) throws -> any Sampler
    ) {
        (rawValue, self.className, self.displayName, self.make) = (name, className, displayName, make)
    }

    public init?(rawValue: String) { self.init { $0.rawValue == rawValue } }

    /// Accepts the command line's name or diffusers' class name.
    public init?(name: String) { self.init { $0.rawValue == name || $0.className == name } }

    /// Accepts the name inside a picture, or the command line's; newer versions of stable-diffusion-webui name the
    /// schedule of noise levels apart.
    public init?(displayName: String, schedule: String? = nil) {
        let names = (schedule == "Karras" ? [displayName + " Karras"] : []) + [displayName]
        let kinds = names.lazy.compactMap { name in
            SamplerKind { $0.displayName.lowercased() == name.lowercased() } ?? SamplerKind(name: name)
        }
        guard let kind = kinds.first else { return nil }
        self = kind
    }

    private init?(where isMeant: (SamplerKind) -> Bool) {
        guard let kind = SamplerKind.allCases.first(where: isMeant) else { return nil }
        self = kind
    }

    /// A sampler with the settings of the model's file, and of what is absent there the defaults of the sampler's own
    /// class, as in diffusers' `from_config`.
    ///
    /// - Parameter steps: 1 to 1000, no more than the training had.
    /// - Throws: `SamplerError` for steps that the sampler does not support, `ConfigurationError` for such settings.
    public func makeSampler(_ configuration: SchedulerConfiguration, steps: Int) throws -> any Sampler {
        guard 1...1000 ~= steps else { throw SamplerError.steps(steps, reason: "ask for 1 to 1000") }
        return try make(configuration, steps)
    }
}

extension SamplerKind: CustomStringConvertible {
    public var description: String { rawValue }
}

extension SchedulerConfiguration {
    /// The sampler that the model's file asks for.
    ///
    /// - Throws: `SamplerError` for a class that is not supported, `ConfigurationError` for such a setting.
    public func samplerKind() throws -> SamplerKind {
        guard let kind = className.flatMap(SamplerKind.init(name:)) else { throw SamplerError.unknownClass(className) }
        let usesKarras = try kind == .dpmSolverMultistep && fields.boolean("use_karras_sigmas", default: false)
        return usesKarras ? .dpmSolverMultistepKarras : kind
    }
}
