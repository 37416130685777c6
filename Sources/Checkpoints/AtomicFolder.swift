import Files
import Foundation

/// A folder being filled under a temporary name beside its destination, which it takes only when complete and synced.
///
/// Dropped without `commit`, it is removed; a killed process leaves a hidden `.partial` folder, never a destination that
/// looks complete, and the next one with the same destination removes it.
final class AtomicFolder {
    private let destination: URL
    let temporary: URL
    /// Locked while this process works, by which a folder that a killed one left is known.
    private let lock: Int32
    private var isCommitted = false
    private var subfolders: Set<String> = []

    /// - Throws: `CheckpointError.destinationExists` when there is anything but an empty folder, `.cannotWrite` when the
    ///   parent cannot be written to or has less than `expectedBytes` of space.
    init(_ destination: URL, expectedBytes: Int) throws {
        let standardized = destination.standardizedFileURL
        let parent = standardized.deletingLastPathComponent()
        let name = Self.prefix(standardized) + String(UInt64.random(in: 0...UInt64.max), radix: 36) + Self.ending
        self.destination = standardized
        temporary = parent.appendingPathComponent(name)

        if FileManager.default.fileExists(atPath: standardized.path) {
            guard let contents = try? FileManager.default.contentsOfDirectory(atPath: standardized.path),
                contents.isEmpty
            else { throw CheckpointError.destinationExists(file: destination.path) }
        }
        if let free = freeBytes(in: parent.path), free < expectedBytes {
            throw CheckpointError.cannotWrite(
                file: destination.path, reason: "\(expectedBytes) bytes are needed and \(free) are free")
        }
        Self.removeLeftovers(of: standardized)
        guard mkdir(temporary.path, 0o777) == 0 else {
            throw CheckpointError.cannotWrite(file: destination.path, reason: systemReason())
        }
        lock = Self.locked(temporary.path) ?? -1
    }

    deinit {
        if !isCommitted { try? FileManager.default.removeItem(at: temporary) }
        if lock >= 0 { close(lock) }
    }

    private static let ending = ".partial"

    /// What the temporary names for a destination start with.
    private static func prefix(_ destination: URL) -> String { ".\(destination.lastPathComponent)." }

    /// Removes what killed processes left of this destination.
    private static func removeLeftovers(of destination: URL) {
        let parent = destination.deletingLastPathComponent()
        let names = (try? FileManager.default.contentsOfDirectory(atPath: parent.path)) ?? []
        let prefix = prefix(destination)
        for name in names where name.hasPrefix(prefix) && name.hasSuffix(ending) {
            let random = name.dropFirst(prefix.count).dropLast(ending.count)
            guard UInt64(random, radix: 36) != nil, random == random.lowercased() else { continue }
            let folder = parent.appendingPathComponent(name)
            guard let lock = locked(folder.path) else { continue }
            try? FileManager.default.removeItem(at: folder)
            close(lock)
        }
    }

    /// Opens a folder and locks it; nil when that cannot be done, as for one that another process works in.
    private static func locked(_ folder: String) -> Int32? {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return nil }
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return descriptor }
        close(descriptor)
        return nil
    }

    /// Where the file of that relative path is to be written; its folder exists.
    func path(_ relative: String) throws -> URL {
        let url = temporary.appendingPathComponent(relative)
        let folder = url.deletingLastPathComponent().path
        if subfolders.insert(folder).inserted, mkdir(folder, 0o777) != 0, errno != EEXIST {
            throw CheckpointError.cannotWrite(file: folder, reason: systemReason())
        }
        return url
    }

    func write(_ contents: Data, as relative: String) throws {
        let file = try AtomicFile(path(relative))
        try contents.withUnsafeBytes { try file.append($0) }
        try file.commit()
    }

    /// Gives the folder its name.
    func commit() throws {
        for folder in subfolders.sorted() + [temporary.path] { syncFolder(folder) }
        guard rename(temporary.path, destination.path) == 0 else {
            if errno == ENOTEMPTY || errno == EEXIST { throw CheckpointError.destinationExists(file: destination.path) }
            throw CheckpointError.cannotWrite(file: destination.path, reason: systemReason())
        }
        isCommitted = true
        syncFolder(destination.deletingLastPathComponent().path)
    }
}
