import Foundation
import Synchronization

/// The files and folders under temporary names, which must not outlive the program.
package enum TemporaryPaths {
    private static let existing = Mutex<Set<FilePath>>([])

    /// The name beside `destination` that something has until it is complete. The destination's own name is cut short in
    /// it, so that a long one does not make an overlong one; a hash tells names apart all the same.
    package static func path(beside destination: String) -> String {
        let suffix = String(UInt64.random(in: 0...UInt64.max), radix: 36)
        let (folder, name) = (FilePath(destination).folder, FilePath(destination).name)
        return FilePath(folder).appending(prefix(name) + suffix + ending)
    }

    private static let ending = ".partial"

    private static func prefix(_ name: String) -> String {
        ".\(String(name.unicodeScalars.prefix(32))).\(String(nameHash(name.utf8), radix: 36))-"
    }

    /// Creates something at a path, which is known from then on.
    ///
    /// - Parameter body: returns what is negative for a failure, with its number in `errno`.
    static func create(_ path: String, _ body: (String) -> Int32) throws(SystemError) -> Int32 {
        // Under one lock, so that no signal finds a path that is not known.
        let (result, code) = existing.withLock { existing in
            let result = body(path)
            let code = errno
            if result >= 0 { existing.insert(FilePath(path)) }
            return (result, code)
        }
        guard result >= 0 else { throw SystemError(code) }
        return result
    }

    /// Renames what is at a path, which is forgotten then. Returns 0 or the error number.
    static func rename(_ path: String, to destination: String) -> Int32 {
        existing.withLock { existing in
            guard Files.rename(path, destination) == 0 else { return errno }
            existing.remove(FilePath(path))
            return 0
        }
    }

    /// Removes what is at a path unless it was renamed: the path may then be somebody else's.
    static func discard(_ path: String) {
        existing.withLock { existing in
            if existing.remove(FilePath(path)) != nil { remove(path) }
        }
    }

    /// Removes everything and ends the program. The lock is held to the end, so that nothing new is created.
    package static func removeAllAndExit(_ status: Int32) -> Never {
        existing.withLock { existing in
            for path in existing { remove(path.string) }
            _exit(status)
        }
    }

    private static func remove(_ path: String) {
        guard unlink(path) != 0 else { return }
        // A file that is being created inside a folder meanwhile is met by a second try.
        for _ in 0..<3 where FileKind(path) == .folder { try? FileManager.default.removeItem(atPath: path) }
    }

    /// Removes what killed processes left beside the destinations. What is being written is locked by its process.
    package static func removeLeftovers(of destinations: [String]) {
        for (folder, paths) in Dictionary(grouping: destinations, by: { FilePath(FilePath($0).folder) }) {
            let names = namesInFolder(folder.string) ?? []
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
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { remove(path) }
        close(descriptor)
    }
}
