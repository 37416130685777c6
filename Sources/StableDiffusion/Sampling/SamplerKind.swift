/// The samplers a user can name; each equals one scheduler class of diffusers.
public enum SamplerKind: String, CaseIterable, Sendable {
    /// Song et al. 2020, `DDIMScheduler` with eta 0.
    case ddim
    /// Liu et al. 2022, `PNDMScheduler`: linear multistep; also called PLMS.
    case pndm
    /// Karras et al. 2022, `EulerDiscreteScheduler`: first order.
    case euler
    /// `EulerAncestralDiscreteScheduler`: Euler's step with new noise after each.
    case eulerA = "euler-a"
    /// Karras et al. 2022, `HeunDiscreteScheduler`: second order, two evaluations for each step.
    case heun
    /// Lu et al. 2022, `DPMSolverMultistepScheduler`.
    case dpmSolverMultistep = "dpm++-2m"
    /// The same on the noise levels of Karras et al. 2022.
    case dpmSolverMultistepKarras = "dpm++-2m-karras"
    /// Zhao et al. 2023, `UniPCMultistepScheduler`.
    case uniPC = "unipc"
    /// Luo et al. 2023, `LCMScheduler`, for models distilled to few steps.
    case lcm

    /// Accepts the command line's name or diffusers' class name.
    public init?(name: String) {
        guard let kind = SamplerKind.allCases.first(where: { $0.rawValue == name || $0.className == name }) else {
            return nil
        }
        self = kind
    }

    /// The diffusers class whose arithmetic and default settings it follows.
    public var className: String {
        switch self {
        case .ddim: "DDIMScheduler"
        case .pndm: "PNDMScheduler"
        case .euler: "EulerDiscreteScheduler"
        case .eulerA: "EulerAncestralDiscreteScheduler"
        case .heun: "HeunDiscreteScheduler"
        case .dpmSolverMultistep, .dpmSolverMultistepKarras: "DPMSolverMultistepScheduler"
        case .uniPC: "UniPCMultistepScheduler"
        case .lcm: "LCMScheduler"
        }
    }
}
