import Foundation

/// Why a model folder cannot be used; each description is one sentence for the user.
public enum ModelError: Error, Equatable, CustomStringConvertible, LocalizedError {
    /// A file of the model is missing, unreadable or not what its name says.
    case unreadable(file: String, reason: String)
    /// A configuration asks for something that this program does not compute.
    case unsupported(file: String, field: String, value: String, reason: String)
    /// The parts of the model do not fit one another.
    case mismatch(folder: String, reason: String)
    /// A checkpoint holds tensors that the configured architecture has no place for.
    case unusedWeights(folder: String, keys: [String])

    public var description: String {
        switch self {
        case .unreadable(let file, let reason):
            return "\(file): \(reason)"
        case .unsupported(let file, let field, let value, let reason):
            return "\(file): \(field) is \(value), \(reason)"
        case .mismatch(let folder, let reason):
            return "\(folder): the model's parts do not fit together: \(reason)"
        case .unusedWeights(let folder, let keys):
            let shown = keys.prefix(4).joined(separator: ", ") + (keys.count > 4 ? ", ..." : "")
            return "\(folder): the configuration has no place for \(keys.count) of the stored tensors: \(shown)"
        }
    }

    public var errorDescription: String? { description }
}
