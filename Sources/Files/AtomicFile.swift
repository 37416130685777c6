import Foundation

/// A file that is written beside its destination and takes the destination's name in one step when it is complete: a
/// reader never sees half a file, and nothing is left when writing fails or a signal ends the program.
package struct AtomicFile: ~Copyable {
    private let destination: String
    private let path: String
    private let descriptor: Int32

    /// Creates an empty file in the folder of `destination`. It gets the mode of what it is to replace, if that is a file.
    package init(_ destination: String) throws(SystemError) {
        let path = TemporaryPaths.path(beside: destination)
        let created = try TemporaryPaths.create(path) { open($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666) }
        // Nothing of `self` before the last error: Swift 6.0 cannot compile the clearing up.
        (self.destination, self.path, descriptor) = (destination, path, created)
        // Nobody else has it; a file system without locks leaves it unlocked, and nobody can lock it to remove it.
        _ = flock(descriptor, LOCK_EX | LOCK_NB)
        var status = stat()
        if lstat(destination, &status) == 0, status.st_mode & S_IFMT == S_IFREG {
            fchmod(descriptor, status.st_mode & 0o777)
        }
    }

    deinit {
        close(descriptor)
        TemporaryPaths.discard(path)
    }

    /// Appends `bytes`.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
        let code = writeAll(bytes, to: descriptor)
        guard code == 0 else { throw SystemError(code) }
    }

    package func write(_ bytes: Data) throws(SystemError) {
        let code = writeAll(bytes, to: descriptor)
        guard code == 0 else { throw SystemError(code) }
    }

    /// Waits until the content is on the disk, then gives the file its name, which lasts even through a power cut. A symbolic
    /// link of that name is replaced, not followed.
    ///
    /// - Parameter replacing: if false, what appeared there meanwhile is kept and this throws EEXIST.
    package func commit(replacing: Bool = true) throws(SystemError) {
        guard fsync(descriptor) == 0 else { throw SystemError() }
        let code = replacing ? TemporaryPaths.rename(path, to: destination) : appear()
        guard code == 0 else { throw SystemError(code) }
        syncFolder(FilePath(destination).folder)
    }

    /// Gives the file its name where there is nothing. Returns 0 or the error number.
    private func appear() -> Int32 {
        // A hard link never replaces, a rename does: link, and the temporary name goes in `deinit`.
        if link(path, destination) == 0 { return 0 }
        guard [EPERM, EOPNOTSUPP, ENOSYS, EMLINK].contains(errno) else { return errno }
        // A file system without hard links (FAT, some network ones): look, then rename.
        return access(destination, F_OK) == 0 ? EEXIST : TemporaryPaths.rename(path, to: destination)
    }
}
