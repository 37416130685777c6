import Files
import Foundation
import ImageCodecs

/// The bytes of an input, and which file they came from.
struct InputFile {
    /// The largest encoded image that is read.
    private static let byteLimit = 1 << 30

    /// The path as given, `-` for standard input; of an address what may be shown of it.
    let name: String
    let data: Data
    /// When the file was last changed, in seconds since 1970; 0 where a server does not say.
    let modified: Double
    /// When anything of the file was last changed, its times among it; 0 where a server does not say.
    let touched: Double

    /// Reads the file at `path`, which may be an http or https address, or standard input for `-`.
    init(path: String) throws {
        if let photo = WebPhoto(path) {
            name = photo.name
            (data, modified) = try photo.download()
            touched = modified
            return
        }
        name = path
        if path == "-", StandardStreams.isTerminal(STDIN_FILENO) {
            throw CommandFailure(.usage, "standard input is a terminal; pipe a photo into it, or name a file")
        }
        if path == "-", StandardStreams.wasClosed(STDIN_FILENO) { throw Self.failure(path, "it is closed") }
        let descriptor = path == "-" ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure(path, Self.absence(of: path) ?? systemMessage(errno)) }
        defer { close(descriptor) }

        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Self.failure(path, systemMessage(errno)) }
        guard status.st_mode & S_IFMT != S_IFDIR else {
            throw Self.failure(path, "it is a folder; give one file")
        }
        data = try Self.read(descriptor, path: path)
        guard !data.isEmpty else { throw Self.failure(path, "the file is empty") }
        (modified, touched) = (status.modified, status.touched)
        // Somebody may be writing it: the parts that were read need not belong together.
        if status.st_mode & S_IFMT == S_IFREG {
            guard fstat(descriptor, &status) == 0, status.modified == modified else {
                throw Self.failure(path, "it changed while it was read")
            }
        }
    }

    private static func read(_ descriptor: Int32, path: String) throws -> Data {
        var data = Data()
        var chunk = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count == 0 { return data }
            if count < 0 {
                if errno == EINTR { continue }
                throw failure(path, systemMessage(errno))
            }
            if VirtualMemoryBudget.isLimited {
                try VirtualMemoryBudget.require(2 * data.count + (8 << 20), for: "reading \(path)")
            }
            let isStart = data.count < ImageFormat.signatureLength
            data += chunk[..<count]
            // An endless device is recognized by its first bytes, not after a gigabyte.
            if isStart, data.count >= ImageFormat.signatureLength {
                do {
                    _ = try ImageFormat(of: data)
                } catch {
                    throw failure(path, String(describing: error))
                }
            }
            guard data.count <= byteLimit else { throw failure(path, "it is larger than 1 GiB") }
        }
    }

    /// What is to be said of a pattern that no file matches; nil for another name.
    private static func absence(of path: String) -> String? {
        errno == ENOENT && path.utf8.contains { "*?]".utf8.contains($0) } ? "no file matches the pattern" : nil
    }

    /// Throws when the only photo of a run is not there or is no image by its first bytes: an output's fault is not
    /// reported before.
    static func checkStart(of path: String) throws {
        guard path != "-", WebPhoto(path) == nil, FileKind(path) != .other else { return }
        guard access(path, R_OK) == 0 else { throw failure(path, absence(of: path) ?? systemMessage(errno)) }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var start = [UInt8](repeating: 0, count: ImageFormat.signatureLength)
        let count = Glibc.read(descriptor, &start, start.count)
        // What cannot be read is reported where it is read whole.
        guard count >= 0 else { return }
        do {
            _ = try ImageFormat(of: start.prefix(count))
        } catch {
            throw failure(path, String(describing: error))
        }
    }

    static func failure(_ path: String, _ reason: String) -> CommandFailure {
        CommandFailure(.input, "cannot read \(path == "-" ? "standard input" : path.isEmpty ? "''" : path): \(reason)")
    }
}

extension InputFile {
    /// What the image's header says; pixels are not decoded.
    func header() throws -> ImageHeader {
        do {
            return try ImageFile.header(of: data)
        } catch {
            throw Self.failure(name, String(describing: error))
        }
    }
}
