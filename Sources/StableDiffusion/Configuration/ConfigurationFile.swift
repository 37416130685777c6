import Checkpoints
import Files
import Foundation

/// A model folder's small file (JSON, vocabulary, merges) that cannot be used, with a sentence that says why.
public struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    /// The file's path.
    public let file: String
    /// What is wrong with it.
    public let reason: String

    package init(file: String, reason: String) {
        self.file = file
        self.reason = reason
    }

    /// The file's path and what is wrong with it.
    public var description: String { "\(file): \(reason)" }
}

/// Reads a model folder's small files whole.
package enum ConfigurationFile {
    /// Whether something is at a file's place, be it readable or not: settings that cannot be read must not be taken for
    /// settings that nobody made.
    package static func isThere(_ file: URL) -> Bool {
        var status = stat()
        return stat(file.path, &status) == 0 || (errno != ENOENT && errno != ENOTDIR)
    }

    /// The bytes of a regular file of at most `limit` bytes; throws `ConfigurationError` for anything else, also for a
    /// pipe or device, which could block for ever.
    package static func bytes(of file: URL, limit: Int) throws -> [UInt8] {
        func failure(_ reason: String) -> ConfigurationError { ConfigurationError(file: file.path, reason: reason) }
        let descriptor = open(file.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(systemMessage().lowercased()) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw failure("not a regular file")
        }
        guard status.st_size <= limit else {
            throw failure("\(status.st_size) bytes; no such file is larger than \(limit)")
        }
        let count = Int(status.st_size)
        return try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count, let base = buffer.baseAddress {
                let got = read(descriptor, base + filled, count - filled)
                if got < 0, errno == EINTR { continue }
                guard got > 0 else { throw failure("cannot be read to its end") }
                filled += got
            }
        }
    }

    /// The fields of a file that holds one JSON object.
    package static func fields(of file: URL, limit: Int = 1 << 20) throws -> [String: JSONValue] {
        let bytes = try bytes(of: file, limit: limit)
        do {
            guard let fields = try JSONValue(parsing: bytes).object else {
                throw JSONError(reason: "expected an object", offset: 0)
            }
            return fields
        } catch let error as JSONError {
            throw ConfigurationError(file: file.path, reason: "not valid JSON: \(error)")
        }
    }
}
