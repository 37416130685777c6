import Foundation

/// A whole file mapped read-only into memory; the mapping lives as long as the object.
///
/// Its size is taken from the open file at mapping time and every reader checks its ranges against it. A file that
/// another process shrinks *afterwards* raises SIGBUS on access, as any mapping does: weight files are written to a
/// temporary name and renamed (see `AtomicFile`), never changed in place, and so must be those of others.
public final class MappedFile: @unchecked Sendable {  // immutable after `init`, and the memory is never written
    /// The path as the user knows it, for messages.
    public let path: String
    /// The file's state when it was mapped, by which a changed one is noticed.
    let state: State
    let bytes: UnsafeRawBufferPointer

    /// Which file it is, how long, and when it was last changed.
    struct State: Equatable, Sendable {
        private let device, inode, size, seconds, nanoseconds: Int

        fileprivate init(_ status: stat) {
            (device, inode) = (Int(bitPattern: UInt(status.st_dev)), Int(bitPattern: UInt(status.st_ino)))
            (size, seconds, nanoseconds) = (Int(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
        }
    }

    /// - Throws: `CheckpointError` for a missing, unreadable or empty file, a folder, a pipe or a device.
    public init(_ url: URL) throws {
        path = url.path
        // O_NONBLOCK: opening a named pipe must fail the check below, not wait for a writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            let code = errno
            if code == ENOENT || code == ENOTDIR { throw CheckpointError.missingFile(file: path) }
            throw CheckpointError.unreadable(file: path, reason: systemReason(code))
        }
        defer { close(descriptor) }

        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw CheckpointError.unreadable(file: path, reason: systemReason())
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR: throw CheckpointError.directory(file: path)
        default: throw CheckpointError.notRegular(file: path)
        }
        let size = Int(status.st_size)
        guard size > 0 else { throw CheckpointError.emptyFile(file: path) }
        guard let base = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED else {
            if errno == ENOMEM { throw CheckpointError.noAddresses(file: path, bytes: size) }
            throw CheckpointError.unreadable(file: path, reason: systemReason())
        }
        bytes = UnsafeRawBufferPointer(start: base, count: size)
        state = State(status)
    }

    deinit {
        munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
    }

    /// Lets the system forget the pages of `range`, which are read from the file again when needed: a file that is walked
    /// through once need not stay in memory as a whole.
    func release(_ range: Range<Int>) {
        let page = Int(getpagesize())
        let start = range.lowerBound / page * page
        madvise(
            UnsafeMutableRawPointer(mutating: bytes.baseAddress)?.advanced(by: start), range.upperBound - start,
            MADV_DONTNEED)
    }

    /// The bytes of `range`, which the caller has checked to lie in the file.
    func slice(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        precondition(range.upperBound <= bytes.count, "\(range) of \(bytes.count) mapped bytes")
        return UnsafeRawBufferPointer(rebasing: bytes[range])
    }
}
