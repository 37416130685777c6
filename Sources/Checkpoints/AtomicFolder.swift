import Foundation

/// A folder being filled under a temporary name beside its destination, which it takes only when complete and synced.
///
/// Dropped without `commit`, it is removed; a killed process leaves a hidden `.partial` folder, never a destination that
/// looks complete, and the next one with the same destination removes it.
final class AtomicFolder {
    private let destination: URL
    let temporary: URL
    private var isCommitted = false
    private var subfolders: Set<String> = []
    /// The temporary folder, locked as long as this process fills it.
    private let lock: Int32

    /// - Throws: `CheckpointError.destinationExists` when there is anything but an empty folder, `.cannotWrite` when the
    ///   parent cannot be written to or has less than `expectedBytes` of space.
    init(_ destination: URL, expectedBytes: Int) throws {
        let standardized = destination.standardizedFileURL
        let parent = standardized.deletingLastPathComponent()
        let name = ".\(standardized.lastPathComponent).\(String(UInt64.random(in: 0...UInt64.max), radix: 36)).partial"
        self.destination = standardized
        temporary = parent.appendingPathComponent(name)

        if FileManager.default.fileExists(atPath: standardized.path) {
            guard let contents = try? FileManager.default.contentsOfDirectory(atPath: standardized.path),
                contents.isEmpty
            else { throw CheckpointError.destinationExists(file: destination.path) }
        }
        var space = statvfs()
        if statvfs(parent.path, &space) == 0 {
            let (free, overflow) = Int(clamping: space.f_bavail).multipliedReportingOverflow(
                by: Int(clamping: space.f_frsize))
            guard overflow || free >= expectedBytes else {
                throw CheckpointError.cannotWrite(
                    file: destination.path, reason: "\(expectedBytes) bytes are needed and \(free) are free")
            }
        }
        Self.removeLeftovers(of: standardized.lastPathComponent, in: parent)
        guard mkdir(temporary.path, 0o777) == 0 else {
            throw CheckpointError.cannotWrite(file: destination.path, reason: systemReason())
        }
        lock = open(temporary.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            let reason = systemReason()
            rmdir(temporary.path)
            throw CheckpointError.cannotWrite(file: destination.path, reason: reason)
        }
    }

    deinit {
        if !isCommitted { try? FileManager.default.removeItem(at: temporary) }
        if lock >= 0 { close(lock) }
    }

    /// Removes the temporary folders for this name that nobody fills: their processes were killed.
    private static func removeLeftovers(of name: String, in parent: URL) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: parent.path)) ?? []
        for leftover in names where leftover.hasPrefix(".\(name).") && leftover.hasSuffix(".partial") {
            let suffix = leftover.dropFirst(name.utf8.count + 2).dropLast(".partial".count)
            guard suffix.allSatisfy({ $0.isASCII && ($0.isNumber || $0.isLowercase) }) else { continue }
            let folder = parent.appendingPathComponent(leftover)
            let descriptor = open(folder.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard descriptor >= 0 else { continue }
            defer { close(descriptor) }
            var status = stat()
            // A folder made this minute may not be locked yet.
            guard fstat(descriptor, &status) == 0, status.st_mtim.tv_sec < time(nil) - 60 || status.st_nlink > 2,
                flock(descriptor, LOCK_EX | LOCK_NB) == 0
            else { continue }
            try? FileManager.default.removeItem(at: folder)
        }
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
        for folder in subfolders.sorted() + [temporary.path] { Self.sync(folder) }
        guard rename(temporary.path, destination.path) == 0 else {
            throw CheckpointError.cannotWrite(file: destination.path, reason: systemReason())
        }
        isCommitted = true
        Self.sync(destination.deletingLastPathComponent().path)
    }

    /// Makes a folder's list of names durable; some file systems cannot, and the files' contents are synced anyway.
    private static func sync(_ folder: String) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}
