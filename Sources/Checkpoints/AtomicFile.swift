import Foundation

/// A file being written under a temporary name beside its destination, which it takes only when complete and synced.
///
/// Dropped without `commit`, it leaves nothing behind; a killed process leaves a hidden `.partial` file, never a
/// destination that looks complete.
final class AtomicFile {
    private let destination: String
    private let temporary: String
    private let descriptor: Int32
    private var isCommitted = false

    init(_ url: URL) throws {
        destination = url.path
        let name = ".\(url.lastPathComponent).\(String(UInt64.random(in: 0...UInt64.max), radix: 36)).partial"
        temporary = url.deletingLastPathComponent().appendingPathComponent(name).path
        descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw CheckpointError.cannotWrite(file: destination, reason: systemReason()) }
    }

    deinit {
        close(descriptor)
        if !isCommitted { unlink(temporary) }
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if written < 0 {
                if errno == EINTR { continue }
                throw CheckpointError.cannotWrite(file: destination, reason: systemReason())
            }
            rest = rest.dropFirst(written)
        }
    }

    /// Syncs and renames: from here on the destination is the whole new file, even after a power cut.
    func commit() throws {
        guard fsync(descriptor) == 0, rename(temporary, destination) == 0 else {
            throw CheckpointError.cannotWrite(file: destination, reason: systemReason())
        }
        isCommitted = true
    }
}
