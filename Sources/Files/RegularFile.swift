import Foundation

/// A file that is read whole and that a stranger may have put there: a device that never ends, a pipe that nobody writes
/// into and a file of a terabyte are refused.
package struct RegularFile: ~Copyable {
    package enum Failure: Error, CustomStringConvertible {
        case system(Int32)
        case notRegular
        case tooLarge(limit: Int)

        package var description: String {
            switch self {
            case .system(let code): systemMessage(code)
            case .notRegular: "it is not a regular file"
            case .tooLarge(let limit): "it is larger than \(limit) bytes"
            }
        }

        /// Whether there is nothing of that name.
        package var isAbsence: Bool {
            if case .system(let code) = self { code == ENOENT || code == ENOTDIR } else { false }
        }
    }

    package let descriptor: Int32
    /// How long it was when it was opened, in bytes.
    package let size: Int

    /// Opens the file for reading.
    ///
    /// - Parameter followingLinks: whether the last part of the path may be a symbolic link.
    package init(_ path: String, followingLinks: Bool = true) throws(Failure) {
        // O_NONBLOCK: opening a named pipe must not wait for a writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (followingLinks ? 0 : O_NOFOLLOW))
        guard descriptor >= 0 else { throw errno == ELOOP && !followingLinks ? .notRegular : .system(errno) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw .notRegular
        }
        self.descriptor = descriptor
        size = Int(status.st_size)
    }

    deinit { close(descriptor) }

    /// The whole content, of at most `limit` bytes.
    package func contents(limit: Int) throws(Failure) -> [UInt8] {
        guard size <= limit else { throw .tooLarge(limit: limit) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        // The byte more is for its end to be seen.
        var chunk = [UInt8](repeating: 0, count: min(size + 1, 1 << 20))
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count == 0 { return bytes }
            if count < 0 {
                if errno == EINTR { continue }
                throw .system(errno)
            }
            bytes += chunk[..<count]
            // It may have grown meanwhile.
            guard bytes.count <= limit else { throw .tooLarge(limit: limit) }
        }
    }

    /// The first `count` bytes, or all there are.
    package func start(_ count: Int) throws(Failure) -> Data {
        var bytes = Data(count: min(count, size))
        var length = 0
        while length < bytes.count {
            let got = bytes.withUnsafeMutableBytes { buffer in
                let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[length...])
                return pread(descriptor, rest.baseAddress, rest.count, off_t(length))
            }
            if got == 0 { break }
            if got > 0 { length += got } else if errno != EINTR { throw .system(errno) }
        }
        return bytes.prefix(length)
    }

    /// The content of the file at `path`.
    package static func contents(
        of path: String, limit: Int, followingLinks: Bool = true
    ) throws(Failure) -> [UInt8] {
        try RegularFile(path, followingLinks: followingLinks).contents(limit: limit)
    }
}
