/// The samplers that can be named; each equals one scheduler class of diffusers. A new one needs its line here and in
/// `allCases`.
public struct SamplerKind: RawRepresentable, CaseIterable, Codable, Hashable, Sendable {
    /// The name on the command line and in reports.
    public let rawValue: String
    /// The diffusers class whose arithmetic and default settings it follows.
    public let className: String
    /// The name that stable-diffusion-webui and others write into images.
    public let displayName: String
    private let make: @Sendable (SchedulerConfiguration, Int) throws -> any Sampler

    /// Song et al. 2020, `DDIMScheduler` with eta 0.
    public static let ddim = SamplerKind("ddim", "DDIMScheduler", "DDIM", DDIMSampler.init)
    /// Liu et al. 2022, `PNDMScheduler`: linear multistep; also called PLMS.
    public static let pndm = SamplerKind("pndm", "PNDMScheduler", "PLMS", PNDMSampler.init)
    /// Karras et al. 2022, `EulerDiscreteScheduler`: first order.
    public static let euler = SamplerKind("euler", "EulerDiscreteScheduler", "Euler", EulerSampler.init)
    /// `EulerAncestralDiscreteScheduler`: Euler's step with new noise after each.
    public static let eulerA = SamplerKind(
        "euler-a", "EulerAncestralDiscreteScheduler", "Euler a", EulerAncestralSampler.init)
    /// Karras et al. 2022, `HeunDiscreteScheduler`: second order, two evaluations for each step.
    public static let heun = SamplerKind("heun", "HeunDiscreteScheduler", "Heun", HeunSampler.init)
    /// Lu et al. 2022, `DPMSolverMultistepScheduler`.
    public static let dpmSolverMultistep = SamplerKind("dpm++-2m", "DPMSolverMultistepScheduler", "DPM++ 2M") {
        try DPMSolverMultistepSampler($0, steps: $1, usesKarrasSigmas: false)
    }
    /// The same on the noise levels of Karras et al. 2022.
    public static let dpmSolverMultistepKarras = SamplerKind(
        "dpm++-2m-karras", "DPMSolverMultistepScheduler", "DPM++ 2M Karras"
    ) {
        try DPMSolverMultistepSampler($0, steps: $1, usesKarrasSigmas: true)
    }
    /// Zhao et al. 2023, `UniPCMultistepScheduler`.
    public static let uniPC = SamplerKind("unipc", "UniPCMultistepScheduler", "UniPC", UniPCSampler.init)
    /// Luo et al. 2023, `LCMScheduler`, for models distilled to few steps.
    public static let lcm = SamplerKind("lcm", "LCMScheduler", "LCM", LCMSampler.init)

    /// Zheng et al. 2024, `TCDScheduler`, for models distilled to few steps.
    public static let tcd = SamplerKind("tcd", "TCDScheduler", "TCD", TCDSampler.init)

    /// All of them, in the order of the help.
    public static let allCases = [
        ddim, pndm, euler, eulerA, heun, dpmSolverMultistep, dpmSolverMultistepKarras, uniPC, lcm, tcd,
    ]

    private init(
        _ name: String, _ className: String, _ displayName: String,
        _ make: @escaping @Sendable (SchedulerConfiguration, Int) throws -> any Sampler
    ) {
        (rawValue, self.className, self.displayName, self.make) = (name, className, displayName, make)
    }

    /// Accepts the command line's name.
    public init?(rawValue: String) { self.init { $0.rawValue == rawValue } }

    /// Accepts the command line's name, diffusers' class name, and the names of stable-diffusion-webui,
    /// stable-diffusion.cpp, ComfyUI and k-diffusion; case and the signs between words do not count.
    public init?(name: String) {
        let wanted = Self.plain(name)
        self.init { kind in
            [kind.rawValue, kind.className, kind.displayName].contains { Self.plain($0) == wanted }
        }
    }

    /// A name without case, signs and what some programs add: `k_dpmpp_2m`, `dpm++2m` and `DPM++ 2M` are one.
    private static func plain(_ name: String) -> String {
        var plain = String(name.lowercased().filter { $0.isLetter || $0.isNumber || $0 == "+" })
        for (ending, replacement) in [("scheduler", ""), ("discrete", ""), ("ancestral", "a")]
        where plain.hasSuffix(ending) { plain = plain.dropLast(ending.count) + replacement }
        for (start, replacement) in [("sample", ""), ("kdpm", "dpm"), ("keuler", "euler"), ("kheun", "heun")]
        where plain.hasPrefix(start) { plain = replacement + plain.dropFirst(start.count) }
        if plain.hasPrefix("dpmpp") { plain = "dpm++" + plain.dropFirst(5) }
        return plain
    }

    /// Accepts the name inside an image, or the command line's; newer versions of stable-diffusion-webui name the
    /// schedule of noise levels apart.
    public init?(displayName: String, schedule: String? = nil) {
        let names = (schedule?.lowercased() == "karras" ? [displayName + " Karras"] : []) + [displayName]
        guard let kind = names.lazy.compactMap({ SamplerKind(name: $0) }).first else { return nil }
        self = kind
    }

    private init?(where isMeant: (SamplerKind) -> Bool) {
        guard let kind = SamplerKind.allCases.first(where: isMeant) else { return nil }
        self = kind
    }

    /// A sampler with the settings of the model's file, and of what is absent there the defaults of the sampler's own
    /// class, as in diffusers' `from_config`.
    ///
    /// - Parameters:
    ///   - configuration: the model's scheduler file.
    ///   - steps: 1 to 1000, no more than the training had.
    /// - Throws: `SamplerError` for steps that the sampler does not support, `ConfigurationError` for such settings.
    public func makeSampler(_ configuration: SchedulerConfiguration, steps: Int) throws -> any Sampler {
        guard 1...1000 ~= steps else { throw SamplerError.steps(steps, reason: "ask for 1 to 1000") }
        return try make(configuration, steps)
    }
}

extension SamplerKind: CustomStringConvertible {
    /// The name on the command line.
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
