import Files
import Foundation

/// A whole file mapped read-only into memory; the mapping lives as long as the object.
///
/// Its bytes are reached through `FileBytes`, which hold the file, and through closures: no address outlives the mapping.
/// Its size is taken from the open file at mapping time and every reader checks its ranges against it. A file that
/// another process shrinks *afterwards* raises SIGBUS on access, as any mapping does: weight files are written to a
/// temporary name and renamed (see `Files.AtomicFile`), never changed in place, and so must be those of others.
public final class MappedFile: @unchecked Sendable {  // immutable after `init`, and the memory is never written
    /// The path as the user knows it, for messages.
    public let path: String
    /// The file's state when it was mapped, by which a changed one is noticed.
    let state: State
    /// Whether the memory is that of a file; else it was unpacked from one, and cannot be mapped again.
    let isFileBacked: Bool
    private let memory: UnsafeRawBufferPointer

    /// Which file it is, how long, and when it was last changed.
    struct State: Equatable, Sendable {
        private let device, inode, size, seconds, nanoseconds: Int

        fileprivate func isSameFile(as other: State) -> Bool { device == other.device && inode == other.inode }

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
            throw CheckpointError.unreadable(file: path, reason: systemMessage(code))
        }
        defer { close(descriptor) }

        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw CheckpointError.unreadable(file: path, reason: systemMessage())
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR: throw CheckpointError.directory(file: path)
        default: throw CheckpointError.notRegular(file: path)
        }
        let size = Int(status.st_size)
        guard size > 0 else { throw CheckpointError.emptyFile(file: path) }
        guard let base = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED else {
            if errno == ENOMEM { throw CheckpointError.noVirtualMemory(file: path, bytes: size) }
            throw CheckpointError.unreadable(file: path, reason: systemMessage())
        }
        memory = UnsafeRawBufferPointer(start: base, count: size)
        state = State(status)
        isFileBacked = true
    }

    /// Memory that stands for a file's unpacked content.
    ///
    /// - Parameters:
    ///   - original: the file that it is unpacked from.
    ///   - fill: is given the memory, zeros at first, once.
    init(
        unpackedFrom original: MappedFile, count: Int, fill: (UnsafeMutableRawBufferPointer) throws -> Void
    ) throws {
        path = original.path
        state = original.state
        isFileBacked = false
        let flags = MAP_PRIVATE | MAP_ANONYMOUS
        guard let base = mmap(nil, max(count, 1), PROT_READ | PROT_WRITE, flags, -1, 0), base != MAP_FAILED else {
            throw CheckpointError.noVirtualMemory(file: original.path, bytes: count)
        }
        memory = UnsafeRawBufferPointer(start: base, count: max(count, 1))
        do {
            try fill(UnsafeMutableRawBufferPointer(start: base, count: count))
        } catch {
            munmap(base, max(count, 1))
            throw error
        }
    }

    deinit {
        munmap(UnsafeMutableRawPointer(mutating: memory.baseAddress), memory.count)
    }

    var count: Int { memory.count }

    /// The whole file.
    var bytes: FileBytes { FileBytes(self, 0..<count) }

    /// The bytes of `range`, which the caller has checked to lie in the file.
    func slice(_ range: Range<Int>) -> FileBytes { FileBytes(self, range) }

    /// Calls `body` with the bytes of `range`; the address is valid in it only.
    func withBytes<Result>(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "\(range) of \(count) mapped bytes")
        return try withExtendedLifetime(self) { try body(UnsafeRawBufferPointer(rebasing: memory[range])) }
    }

    fileprivate func byte(_ offset: Int) -> UInt8 { withExtendedLifetime(self) { memory[offset] } }

    /// A file that took its place is none of this one's business: the mapping stays what it was.
    ///
    /// - Throws: `CheckpointError.changed` if the file of that path was mapped in this state and changed since.
    static func requireUnchanged(_ path: String, _ state: State) throws {
        var status = stat()
        guard stat(path, &status) == 0, State(status).isSameFile(as: state) else { return }
        guard State(status) == state else { throw CheckpointError.changed(file: path) }
    }

    /// Lets the system forget the pages of `range`, which are read from the file again when needed: a file that is walked
    /// through once need not stay in memory as a whole.
    func release(_ range: Range<Int>) {
        guard isFileBacked, let base = memory.baseAddress else { return }
        let page = Int(getpagesize())
        let start = range.lowerBound / page * page
        madvise(UnsafeMutableRawPointer(mutating: base + start), range.upperBound - start, MADV_DONTNEED)
    }
}

/// A range of a mapped file, which stays mapped as long as this value is there. Every access is checked.
struct FileBytes: RandomAccessCollection, Sendable {
    let file: MappedFile
    let startIndex: Int
    let endIndex: Int

    fileprivate init(_ file: MappedFile, _ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= file.count, "\(range) of \(file.count) mapped bytes")
        self.file = file
        (startIndex, endIndex) = (range.lowerBound, range.upperBound)
    }

    /// The offset is one in the file.
    subscript(offset: Int) -> UInt8 {
        precondition(offset >= startIndex && offset < endIndex, "\(offset) outside of \(startIndex)..<\(endIndex)")
        return file.byte(offset)
    }

    subscript(range: Range<Int>) -> FileBytes {
        precondition(range.lowerBound >= startIndex && range.upperBound <= endIndex, "\(range) of \(indices)")
        return FileBytes(file, range)
    }

    /// Calls `body` with the bytes; the address is valid in it only.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try file.withBytes(startIndex..<endIndex, body)
    }

    /// The little-endian integer at an offset in the file.
    func load<Value: FixedWidthInteger>(_ type: Value.Type, at offset: Int) -> Value {
        self[offset..<offset + MemoryLayout<Value>.size].withBytes {
            Value(littleEndian: $0.loadUnaligned(as: Value.self))
        }
    }

    /// A copy of the bytes.
    var array: [UInt8] { withBytes { [UInt8]($0) } }
}
