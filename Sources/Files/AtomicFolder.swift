import Foundation

/// A folder that is filled beside its destination and takes the destination's name in one step when it is complete.
///
/// Without `commit`, or when a signal ends the program, it is removed. What a killed process leaves is hidden, never a
/// destination that looks complete, and the next one with the same destination removes it.
package final class AtomicFolder {
    private let destination: FilePath
    private let path: String
    /// Locked while this process works, by which a folder that a killed one left is known.
    private let lock: Int32
    private var subfolders: Set<String> = []

    /// - Throws: EEXIST if there is anything but an empty folder.
    package init(_ destination: String) throws(SystemError) {
        let destination = FilePath(destination).withoutLastSlash
        try Self.requireNothing(at: destination.string)
        TemporaryPaths.removeLeftovers(of: [destination.string])
        let path = TemporaryPaths.path(beside: destination.string)
        _ = try TemporaryPaths.create(path) { mkdir($0, 0o777) }
        lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
        (self.destination, self.path) = (destination, path)
        flock(lock, LOCK_EX | LOCK_NB)
    }

    deinit {
        if lock >= 0 { close(lock) }
        TemporaryPaths.discard(path)
    }

    private static func requireNothing(at path: String) throws(SystemError) {
        guard let kind = FileKind(path) else { return }
        guard kind == .folder, namesInFolder(path)?.isEmpty == true else { throw SystemError(EEXIST) }
    }

    /// Where the file of that relative path is to be written; its folder exists.
    package func path(_ relative: String) throws(SystemError) -> String {
        let file = FilePath(path).appending(relative)
        let folder = FilePath(file).folder
        if subfolders.insert(folder).inserted { try makeFolder(folder) }
        return file
    }

    /// Gives the folder its name, which lasts even through a power cut.
    ///
    /// - Throws: EEXIST or ENOTEMPTY if something appeared there meanwhile.
    package func commit() throws(SystemError) {
        for folder in subfolders.sorted() + [path] { syncFolder(folder) }
        let code = TemporaryPaths.rename(path, to: destination.string)
        guard code == 0 else { throw SystemError(code) }
        syncFolder(destination.folder)
    }
}
