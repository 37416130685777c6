import Files
import Foundation

/// What can be wrong with a checkpoint; each case prints as one sentence a user can act on.
///
/// `file` is the path as the user knows it. Texts that come out of a file are shortened and freed of control characters
/// where they are printed, so that a hostile file cannot write to the terminal.
public enum CheckpointError: Error, Equatable {
    /// There is nothing at the path.
    case missingFile(file: String)
    /// The system refuses to open or read the file; `reason` is its own words.
    case unreadable(file: String, reason: String)
    /// The system refuses to map so many bytes of it.
    case noVirtualMemory(file: String, bytes: Int)
    /// It is no longer the file whose header was read.
    case changed(file: String)
    /// A folder is where a file of weights was expected.
    case directory(file: String)
    /// A pipe, a device or a socket, which could block for ever.
    case notRegular(file: String)
    /// The file holds no bytes.
    case emptyFile(file: String)
    /// The file ends before its header says so.
    case truncated(file: String, expectedBytes: Int, foundBytes: Int)
    /// The file breaks its own format; `reason` completes "FILE is damaged or not ...: ".
    case malformed(file: String, reason: String)
    /// The file may be sound, but holds something this reader refuses by name.
    case unsupported(file: String, reason: String)
    /// The configuration asks for a tensor that is not there; `nearNames` are keys that resemble it.
    case missingTensor(key: String, file: String, nearNames: [String])
    /// A tensor has another shape than the configuration gives it.
    case misshapenTensor(key: String, file: String, expected: [Int], found: [Int])
    /// A weight is of a type other than F32, F16 and BF16.
    case unsupportedDataType(key: String, file: String, dataType: String)
    /// The configuration has no place for these tensors: the model is of another kind than it says.
    case unreadTensors(file: String, keys: [String])
    /// None of the files that a part's weights can be in is there.
    case noWeights(folder: String, lookedFor: [String])
    /// The system refuses to create, write or rename the file; `reason` is its own words.
    case cannotWrite(file: String, reason: String)
    /// The folder to be made is there and is not empty.
    case destinationExists(file: String)
}

extension CheckpointError: CustomStringConvertible, LocalizedError {
    /// The same sentence as `description`, for `LocalizedError`.
    public var errorDescription: String? { description }

    /// One sentence that names the file and says what can be done, fit for one line of a terminal.
    public var description: String {
        switch self {
        case .missingFile(let file):
            "\(printable(file)) does not exist."
        case .unreadable(let file, let reason):
            "\(printable(file)) cannot be read: \(reason)."
        case .noVirtualMemory(let file, let bytes):
            "\(printable(file)) cannot be mapped into memory: it takes \(bytes / 1_000_000) MB of virtual memory."
        case .changed(let file):
            "\(printable(file)) was changed while it was in use."
        case .directory(let file):
            "\(printable(file)) is a folder where a weight file was expected."
        case .notRegular(let file):
            "\(printable(file)) is not a regular file."
        case .emptyFile(let file):
            "\(printable(file)) is empty: download or copy it again."
        case .truncated(let file, let expectedBytes, let foundBytes):
            "\(printable(file)) is cut short: it should hold \(expectedBytes) bytes but has \(foundBytes); "
                + "download or copy it again."
        case .malformed(let file, let reason):
            "\(printable(file)) is damaged or not a weight file: \(reason)."
        case .unsupported(let file, let reason):
            "\(printable(file)) is refused: \(reason)."
        case .missingTensor(let key, let file, let nearNames):
            "\(printable(file)) has no tensor \(printable(key))"
                + (nearNames.isEmpty ? "." : " (near names: \(list(nearNames))).")
        case .misshapenTensor(let key, let file, let expected, let found):
            "\(printable(file)): tensor \(printable(key)) should have the shape \(expected) but has \(found); "
                + "weights and configuration do not belong together."
        case .unsupportedDataType(let key, let file, let dataType):
            "\(printable(file)): tensor \(printable(key)) is stored as \(printable(dataType)); "
                + "weights must be floating-point numbers of 64, 32, 16 or 8 bits."
        case .unreadTensors(let file, let keys):
            "\(printable(file)) holds \(keys.count) tensor\(keys.count == 1 ? "" : "s") that the configuration has no "
                + "place for: \(list(keys.prefix(5)))\(keys.count > 5 ? ", ..." : "")."
        case .noWeights(let folder, let lookedFor):
            "\(printable(folder)) holds no weights: looked for \(lookedFor.joined(separator: ", "))."
        case .cannotWrite(let file, let reason):
            "\(printable(file)) cannot be written: \(reason)."
        case .destinationExists(let file):
            "\(printable(file)) exists already and is not an empty folder."
        }
    }
}

private func list(_ texts: some Sequence<String>) -> String {
    texts.map { printable($0) }.joined(separator: ", ")
}

/// `text` fit for one line of a message: control characters escaped, the middle of a long text left out.
func printable(_ text: String, limit: Int = 300) -> String {
    let scalars = text.unicodeScalars
    // A bounded walk: the text may be a hundred megabytes long.
    let isLong = scalars.index(scalars.startIndex, offsetBy: limit + 1, limitedBy: scalars.endIndex) != nil
    var shown = String()
    func append(_ part: Substring.UnicodeScalarView) {
        for scalar in part {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator:
                shown += "\\u{\(String(scalar.value, radix: 16))}"
            default:
                shown.unicodeScalars.append(scalar)
            }
        }
    }
    guard isLong else {
        append(scalars[...])
        return shown
    }
    append(scalars.prefix(limit / 2))
    shown += "..."
    append(scalars.suffix(limit / 2))
    return shown
}

/// Writes, and reports the system's errors with the file's name.
func writing<Result: ~Copyable>(
    _ file: String, _ body: () throws(SystemError) -> Result
) throws(CheckpointError) -> Result {
    do {
        return try body()
    } catch {
        throw .cannotWrite(file: file, reason: error.description)
    }
}
