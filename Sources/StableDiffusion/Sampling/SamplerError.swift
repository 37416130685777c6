/// A sampler that cannot be made as asked, with a sentence that says why.
public enum SamplerError: Error, Equatable, CustomStringConvertible {
    /// The model's scheduler file names a class that is not supported.
    case unknownClass(String?)
    /// The number of steps does not suit the sampler.
    case steps(Int, reason: String)

    /// One sentence for the user, with the choices where there are any.
    public var description: String {
        switch self {
        case .unknownClass(let name):
            let choices = SamplerKind.allCases.map(\.rawValue).joined(separator: ", ")
            let subject =
                name.map { "the model's scheduler “\($0.prefix(60))” is not supported" }
                ?? "the model names no scheduler"
            return "\(subject); choose a sampler: \(choices)"
        case .steps(let steps, let reason):
            return "\(steps) steps: \(reason)"
        }
    }
}
