import Foundation
import ImageCodecs

/// Where the pictures of one input go, decided and checked before anything is computed.
struct OutputPlan {
    enum Destination: Equatable {
        case standardOutput
        /// A file that appears complete under its name.
        case file(String)
        /// An existing pipe or character device, which is written to as it is.
        case device(String)
    }

    let format: ImageFormat
    /// One destination a seed, in the order of the seeds.
    let destinations: [Destination]
    let replacing: Bool

    /// - Parameters:
    ///   - input: the input's path, `-` for standard input.
    ///   - output: the argument of `--output`: a path, an existing folder, or `-`.
    ///   - format: the argument of `--format`; without it the output's extension decides.
    ///   - seeds: one seed a picture; with more than one, each file name gets its seed.
    ///   - replacing: whether existing files are replaced.
    init(input: String, output: String?, format: ImageFormat?, seeds: [UInt64], replacing: Bool) throws {
        self.replacing = replacing
        if output == "-" {
            guard seeds.count == 1 else {
                throw CommandFailure(.usage, "--count writes several pictures, which -o - cannot hold; name a file")
            }
            guard !StandardStreams.isTerminal(STDOUT_FILENO) else {
                throw CommandFailure(
                    .usage, "a picture is not written to a terminal; redirect it or name a file with -o")
            }
            self.format = format ?? .png
            destinations = [.standardOutput]
            return
        }
        if input == "-", output.map(Self.isFolder) ?? true {
            throw CommandFailure(.usage, "the picture from standard input has no name; give the output's with -o")
        }

        let path: String
        if let output, !Self.isFolder(output) {
            guard !output.isEmpty, !output.hasSuffix("/") else {
                throw CommandFailure(.output, "there is no folder \(output)")
            }
            path = output
        } else {
            let name = "\(FilePath(input).withoutExtension).cartoon.\((format ?? .png).fileExtension)"
            path = output.map { FilePath($0).appending(FilePath(name).name) } ?? name
        }
        if Self.isDevice(path) {
            guard seeds.count == 1 else {
                throw CommandFailure(.usage, "--count writes several pictures, which \(path) cannot hold; name a file")
            }
            self.format = format ?? .png
            destinations = [.device(path)]
            return
        }
        let fileExtension = FilePath(path).fileExtension
        guard let format = format ?? ImageFormat(fileExtension: fileExtension) else {
            throw CommandFailure(
                .usage,
                "the kind of picture is not clear from the name \(path); end it in .png or .jpg, or give --format")
        }
        self.format = format
        destinations = seeds.map { seed in
            guard seeds.count > 1 else { return .file(path) }
            let stem = "\(FilePath(path).withoutExtension)-\(seed)"
            return .file(fileExtension.isEmpty ? stem : "\(stem).\(fileExtension)")
        }
    }

    /// Throws when a destination could not be written or would destroy something: an existing file, or the input.
    func check(input: InputFile) throws {
        for case .file(let path) in destinations {
            var existing = stat()
            if stat(path, &existing) == 0 {
                if input.isSameFile(as: existing) {
                    throw CommandFailure(.output, "the output \(path) is the input itself; name another file with -o")
                }
                guard existing.st_mode & S_IFMT == S_IFREG else {
                    throw CommandFailure(.output, "the output \(path) exists and is not a file; name another with -o")
                }
            }
            // Not `stat`: a symbolic link to nothing exists, too.
            if !replacing, lstat(path, &existing) == 0 {
                throw Self.existsFailure(path)
            }
            let folder = FilePath(path).folder
            guard Self.isFolder(folder) else {
                throw CommandFailure(.output, "there is no folder \(folder) for the output")
            }
            guard access(folder, W_OK | X_OK) == 0 else {
                throw CommandFailure(.output, "cannot write into the folder \(folder): \(systemMessage(errno))")
            }
        }
    }

    /// Throws when pictures of the given size do not fit the format.
    func check(size: PixelSize) throws {
        if max(size.width, size.height) > format.maximumSide {
            throw CommandFailure(
                .output,
                "a \(format) picture has at most \(format.maximumSide) pixels a side, and \(size) are asked for; "
                    + "give --format png or a --size")
        }
    }

    /// Writes one picture's encoded bytes.
    func write(_ bytes: Data, to destination: Destination) throws {
        switch destination {
        case .standardOutput:
            try StandardStreams.writeResult(bytes)
        case .device(let path):
            try Self.writeDevice(bytes, path)
        case .file(let path):
            // Through a symbolic link, so that the link stays one.
            let target = replacing ? URL(fileURLWithPath: path).resolvingSymlinksInPath().path : path
            do {
                let file = try TemporaryFile(beside: target)
                try file.write(bytes)
                try file.move(to: target, replacing: replacing)
            } catch {
                if error.code == EEXIST { throw Self.existsFailure(path) }
                throw CommandFailure(.output, "cannot write \(path): \(error.message)")
            }
        }
    }

    private static func writeDevice(_ bytes: Data, _ path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw CommandFailure(.output, "cannot write \(path): \(systemMessage(errno))") }
        defer { close(descriptor) }
        guard !StandardStreams.isTerminal(descriptor) else {
            throw CommandFailure(.usage, "a picture is not written to a terminal; name a file with -o")
        }
        switch StandardStreams.writeAll(bytes, to: descriptor) {
        case 0: return
        case EPIPE: throw ClosedPipe()
        case let code: throw CommandFailure(.output, "cannot write \(path): \(systemMessage(code))")
        }
    }

    private static func existsFailure(_ path: String) -> CommandFailure {
        CommandFailure(.output, "\(path) exists; give --force to replace it, or another name with -o")
    }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private static func isDevice(_ path: String) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else { return false }
        return [S_IFCHR, S_IFIFO].contains(status.st_mode & S_IFMT)
    }
}

extension OutputPlan.Destination {
    /// The path as it is printed and reported, `-` for standard output.
    var name: String {
        switch self {
        case .standardOutput: "-"
        case .file(let path), .device(let path): path
        }
    }
}
