import Foundation
import Synchronization

/// A file that is written beside its destination and takes the destination's name in one step when it is complete:
/// a reader never sees half a picture, and nothing is left when writing fails or a signal ends the program.
struct TemporaryFile: ~Copyable {
    private static let existing = Mutex<Set<FilePath>>([])

    private let path: String
    private let descriptor: Int32

    private static let ending = ".partial"

    /// What the temporary names for a destination's name start with. They are cut short, so that a long name does not make
    /// an overlong one; a hash (FNV-1a) tells the names apart all the same.
    private static func prefix(_ name: String) -> String {
        let hash = name.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        return ".\(String(name.unicodeScalars.prefix(32))).\(String(hash, radix: 36))-"
    }

    /// Removes what killed processes left beside the destinations. A file that is being written is locked by its process.
    static func removeLeftovers(of destinations: [String]) {
        for (folder, paths) in Dictionary(grouping: destinations, by: { FilePath(FilePath($0).folder) }) {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.string)) ?? []
            let leftovers = names.filter { $0.hasPrefix(".") && $0.hasSuffix(ending) }
            guard !leftovers.isEmpty else { continue }
            let prefixes = Set(paths.map { prefix(FilePath($0).name) })
            for name in leftovers where prefixes.contains(String(name[...(name.lastIndex(of: "-") ?? name.startIndex)]))
            {
                removeUnlessLocked(folder.appending(name))
            }
        }
    }

    private static func removeUnlessLocked(_ path: String) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { return }
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(path) }
        close(descriptor)
    }

    /// Creates an empty file in the folder of `destination`. It gets the mode of what it is to replace, if that is a file.
    init(beside destination: String) throws(SystemFailure) {
        let suffix = String(UInt64.random(in: 0...UInt64.max), radix: 36)
        let name = Self.prefix(FilePath(destination).name) + suffix + Self.ending
        let path = FilePath(FilePath(destination).folder).appending(name)
        // Created and noted under one lock, so that no signal finds a file it does not know of.
        let (descriptor, code) = Self.existing.withLock { existing in
            let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            if descriptor >= 0 {
                existing.insert(FilePath(path))
                // Nobody else has it; a file system without locks leaves it unlocked, and nobody can lock it to remove it.
                _ = flock(descriptor, LOCK_EX | LOCK_NB)
            }
            return (descriptor, errno)
        }
        guard descriptor >= 0 else { throw SystemFailure(code) }
        self.path = path
        self.descriptor = descriptor
        var status = stat()
        if lstat(destination, &status) == 0, status.st_mode & S_IFMT == S_IFREG {
            fchmod(descriptor, status.st_mode & 0o777)
        }
    }

    deinit {
        close(descriptor)
        Self.existing.withLock { existing in
            // After a rename the name is gone from the set, and possibly somebody else's.
            if existing.remove(FilePath(path)) != nil { unlink(path) }
        }
    }

    /// Appends `bytes`.
    func write(_ bytes: Data) throws(SystemFailure) {
        let code = writeAll(bytes, to: descriptor)
        guard code == 0 else { throw SystemFailure(code) }
    }

    /// Waits until the content is on the disk, then gives the file its destination's name. A symbolic link of that name is
    /// replaced, not followed. Unless `replacing`, what appeared there meanwhile is kept and this throws EEXIST.
    func move(to destination: String, replacing: Bool) throws(SystemFailure) {
        guard fsync(descriptor) == 0 else { throw SystemFailure(errno) }
        let code: Int32 = Self.existing.withLock { existing in
            if replacing {
                guard rename(path, destination) == 0 else { return errno }
                existing.remove(FilePath(path))
                return 0
            }
            // A hard link never replaces, a rename does: link, and the temporary name goes in `deinit`.
            if link(path, destination) == 0 { return 0 }
            let linkError = errno
            guard [EPERM, EOPNOTSUPP, ENOSYS, EMLINK].contains(linkError) else { return linkError }
            // A file system without hard links (FAT, some network ones): look, then rename.
            guard access(destination, F_OK) != 0 else { return EEXIST }
            guard rename(path, destination) == 0 else { return errno }
            existing.remove(FilePath(path))
            return 0
        }
        guard code == 0 else { throw SystemFailure(code) }
        syncFolder(of: destination)
    }

    /// Removes what exists and ends the program. The lock is held to the end, so that nothing new is created.
    static func removeAllAndExit(_ status: Int32) -> Never {
        existing.withLock { existing in
            for path in existing { unlink(path.string) }
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
