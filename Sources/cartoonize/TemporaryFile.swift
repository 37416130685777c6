import Foundation
import Synchronization

/// A file that is written beside its destination and takes the destination's name in one step when it is complete:
/// a reader never sees half a picture, and nothing is left when writing fails or a signal ends the program.
struct TemporaryFile: ~Copyable {
    private static let existing = Mutex<Set<String>>([])

    private let path: String
    private let descriptor: Int32

    /// Creates an empty file in the folder of `destination`.
    init(beside destination: String) throws(SystemFailure) {
        // Cut short so that a long destination name does not make an overlong temporary one.
        let name = FilePath(destination).name.prefix(32)
        let suffix = String(UInt64.random(in: 0...UInt64.max), radix: 36)
        let path = FilePath(FilePath(destination).folder).appending(".\(name).\(suffix).partial")
        // Created and noted under one lock, so that no signal finds a file it does not know of.
        let (descriptor, code) = Self.existing.withLock { existing in
            let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            if descriptor >= 0 { existing.insert(path) }
            return (descriptor, errno)
        }
        guard descriptor >= 0 else { throw SystemFailure(code) }
        self.path = path
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
        Self.existing.withLock { existing in
            // After a rename the name is gone from the set, and possibly somebody else's.
            if existing.remove(path) != nil { unlink(path) }
        }
    }

    /// Writes `bytes` and waits until they are on the disk.
    func write(_ bytes: Data) throws(SystemFailure) {
        let code = StandardStreams.writeAll(bytes, to: descriptor)
        guard code == 0 else { throw SystemFailure(code) }
        guard fsync(descriptor) == 0 else { throw SystemFailure(errno) }
    }

    /// Gives the file its destination's name. Unless `replacing`, a file that appeared there meanwhile is kept and this
    /// throws EEXIST.
    func move(to destination: String, replacing: Bool) throws(SystemFailure) {
        let code: Int32 = Self.existing.withLock { existing in
            if replacing {
                guard rename(path, destination) == 0 else { return errno }
                existing.remove(path)
                return 0
            }
            // A hard link never replaces, a rename does: link, and the temporary name goes in `deinit`.
            if link(path, destination) == 0 { return 0 }
            let linkError = errno
            guard [EPERM, EOPNOTSUPP, ENOSYS, EMLINK].contains(linkError) else { return linkError }
            // A file system without hard links (FAT, some network ones): look, then rename.
            guard access(destination, F_OK) != 0 else { return EEXIST }
            guard rename(path, destination) == 0 else { return errno }
            existing.remove(path)
            return 0
        }
        guard code == 0 else { throw SystemFailure(code) }
        syncFolder(of: destination)
    }

    /// Removes what exists and ends the program. The lock is held to the end, so that nothing new is created.
    static func removeAllAndExit(_ status: Int32) -> Never {
        existing.withLock { existing in
            for path in existing { unlink(path) }
            _exit(status)
        }
    }

    /// Makes the new name itself durable. Some file systems refuse to sync a folder; the file is whole all the same.
    private func syncFolder(of destination: String) {
        let folderDescriptor = open(FilePath(destination).folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folderDescriptor >= 0 else { return }
        fsync(folderDescriptor)
        close(folderDescriptor)
    }
}

/// An error number of the system.
struct SystemFailure: Error {
    let code: Int32

    init(_ code: Int32) { self.code = code }

    var message: String { systemMessage(code) }
}
