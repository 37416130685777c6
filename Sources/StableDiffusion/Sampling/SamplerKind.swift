/// The samplers a user can name; each equals one scheduler class of diffusers.
public enum SamplerKind: String, CaseIterable, Sendable {
    case ddim
    case pndm
    case euler
    case eulerA = "euler-a"
    case heun
    case dpmSolverMultistep = "dpm++-2m"
    case dpmSolverMultistepKarras = "dpm++-2m-karras"
    case uniPC = "unipc"
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
