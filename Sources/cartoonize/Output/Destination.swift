import Files
import Foundation

/// Where one image goes.
enum Destination: Equatable, Sendable {
    case standardOutput
    /// A file that appears complete under its name.
    case file(String)
    /// An existing pipe or character device, which is written to as it is.
    case device(String)

    /// The path as it is printed and reported, `-` for standard output.
    var name: String {
        switch self {
        case .standardOutput: "-"
        case .file(let path), .device(let path): path
        }
    }

    /// The path of a file.
    var file: String? {
        if case .file(let path) = self { path } else { nil }
    }

    /// Throws when the file's name is longer than file systems take: that must not be found after the work.
    func checkName() throws {
        guard let file else { return }
        let limit = SystemPath.with(FilePath(file).folder) { pathconf($0, Int32(_PC_NAME_MAX)) }
        let (length, most) = (SystemPath.bytes(FilePath(file).name).count, limit > 0 ? limit : 255)
        guard length <= most else {
            throw CommandFailure(
                .output,
                "the output's name would have \(length) bytes, more than the \(most) that are possible; rename the photo or "
                    + "name the output with -o: \(file)")
        }
    }

    /// Writes an image's encoded bytes. Folders that are missing are made; an existing file is replaced only if asked.
    func write(_ bytes: Data, replacing: Bool) throws {
        switch self {
        case .standardOutput:
            try StandardStreams.writeResult(bytes)
        case .device(let path):
            try Self.writeDevice(bytes, path)
        case .file(let path):
            do {
                try makeFolder(FilePath(path).folder)
                let file = try AtomicFile(path)
                try file.write(bytes)
                try file.commit(replacing: replacing)
            } catch {
                if error.code == EEXIST { throw Self.existsFailure(path) }
                throw CommandFailure(writing: path, error)
            }
        }
    }

    static func existsFailure(_ path: String) -> CommandFailure {
        CommandFailure(.output, "\(path) exists; give --force to replace it, or another name with -o")
    }

    private static func writeDevice(_ bytes: Data, _ path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw CommandFailure(writing: path, SystemError()) }
        defer { close(descriptor) }
        guard !StandardStreams.isTerminal(descriptor) else {
            throw CommandFailure(.usage, "an image is not written to a terminal; name a file with -o")
        }
        switch writeAll(bytes, to: descriptor) {
        case 0: return
        case EPIPE: throw ClosedPipe()
        case let code: throw CommandFailure(writing: path, SystemError(code))
        }
    }
}

extension CommandFailure {
    /// A file that could not be written.
    init(writing path: String, _ failure: SystemError) {
        self.init(.output, "cannot write \(path): \(failure)")
        // What is wrong with the disk is wrong for every image to come.
        stopsBatch = [ENOSPC, EDQUOT, EROFS].contains(failure.code)
    }
}
