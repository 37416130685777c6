import Files
import Foundation

/// The hidden folder in which a pull gathers its files, and which the next run finds again.
final class PullStaging {
    let folder: URL
    private let lock: Int32
    let model: URL
    private let originals: URL
    /// The folders that were made for it, the outermost first; none when an earlier pull had made it.
    private var madeFolders: [URL] = []

    /// Opens it, or makes it new when there is none or one for another revision.
    ///
    /// - Throws: `HubError.busy` while another process works in it, `.disk`.
    init(beside destination: URL, for source: PullSource) throws {
        folder = Self.folder(beside: destination)
        model = folder.appendingPathComponent("model")
        originals = folder.appendingPathComponent("original")
        let isNew = !FileManager.default.fileExists(atPath: folder.path)
        var missing: [URL] = []
        var ancestor = folder
        while isNew, ancestor.path != "/", !FileManager.default.fileExists(atPath: ancestor.path) {
            missing.insert(ancestor, at: 0)
            ancestor.deleteLastPathComponent()
        }
        madeFolders = missing
        try Self.makeFolder(folder)
        lock = open(folder.appendingPathComponent("lock").path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666)
        guard lock >= 0 else { throw HubError.disk("\(folder.path): \(systemMessage())") }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            close(lock)
            throw HubError.busy(folder.path)
        }
        if PullSource.read(folder) != source {
            for part in [model, originals] { try? FileManager.default.removeItem(at: part) }
            try source.write(to: folder.appendingPathComponent(PullSource.name))
        }
        for part in [model, originals] { try Self.makeFolder(part) }
    }

    deinit { close(lock) }

    private static func folder(beside destination: URL) -> URL {
        destination.deletingLastPathComponent().appendingPathComponent(".\(destination.lastPathComponent).pull")
    }

    /// Removes what a pull of this source left that was killed after the model had its place. One of another source, or in
    /// use, stays.
    static func removeLeftover(beside destination: URL, for source: PullSource) {
        let folder = folder(beside: destination)
        let found = PullSource.read(folder)
        guard found == nil || found == source else { return }
        let lock = open(folder.appendingPathComponent("lock").path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
        defer { if lock >= 0 { close(lock) } }
        guard lock < 0 || flock(lock, LOCK_EX | LOCK_NB) == 0 else { return }
        try? FileManager.default.removeItem(at: folder)
    }

    /// Removes it with what was downloaded.
    func remove() { try? FileManager.default.removeItem(at: folder) }

    /// Gives a file that was downloaded its place, and removes the rest.
    func commit(file: URL, to destination: URL, replacing: Bool) throws {
        try Self.makeFolder(destination.deletingLastPathComponent())
        guard replacing || !FileManager.default.fileExists(atPath: destination.path) else {
            throw HubError.installed(folder: destination.path, revision: nil)
        }
        try Self.move(file, to: destination)
        syncFolder(destination.deletingLastPathComponent().path)
        remove()
    }

    /// Removes it with the folders that were made for it, unless an earlier pull had made it, whose downloads are kept.
    func removeIfNew() {
        guard !madeFolders.isEmpty else { return }
        try? FileManager.default.removeItem(at: folder)
        for folder in madeFolders.dropLast().reversed() { rmdir(folder.path) }
    }

    /// Where the file of the model with that relative path is to be; its folder exists.
    func model(_ path: String) throws -> URL { try place(path, in: model) }

    /// Where the download with that relative path is to be; its folder exists.
    func original(_ path: String) throws -> URL { try place(path, in: originals) }

    func hasModelFile(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: model.appendingPathComponent(path).path)
    }

    /// Bytes that the files in it take.
    var bytesPresent: Int {
        let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
        return (files?.compactMap { $0 as? URL } ?? []).reduce(0) { total, file in
            var status = stat()
            guard lstat(file.path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return total }
            return total + Int(status.st_size)
        }
    }

    /// - Throws: `HubError.noSpace`.
    func requireSpace(_ bytes: Int) throws {
        if let free = freeBytes(in: folder.path), free < bytes {
            throw HubError.noSpace(needed: bytes, free: free, folder: folder.deletingLastPathComponent().path)
        }
    }

    /// Leaves only these files in the model.
    func clean(_ modelFiles: Set<String>) { Self.removeOthers(than: modelFiles, in: model) }

    /// Gives the model its place, replacing what is there, and removes the rest.
    ///
    /// - Parameter kept: where the originals go with these paths, nil to remove them.
    func commit(to destination: URL, originals kept: (folder: URL, paths: Set<String>)?) throws {
        if let kept {
            Self.removeOthers(than: kept.paths, in: originals)
            try? FileManager.default.removeItem(at: kept.folder)
            try Self.makeFolder(kept.folder.deletingLastPathComponent())
            try Self.move(originals, to: kept.folder)
        }
        syncFolder(model.path)
        let old = folder.appendingPathComponent("replaced")
        if FileManager.default.fileExists(atPath: destination.path) {
            try? FileManager.default.removeItem(at: old)
            try Self.move(destination, to: old)
        }
        try Self.move(model, to: destination)
        syncFolder(destination.deletingLastPathComponent().path)
        try? FileManager.default.removeItem(at: folder)
    }

    private func place(_ path: String, in folder: URL) throws -> URL {
        let url = folder.appendingPathComponent(path)
        try Self.makeFolder(url.deletingLastPathComponent())
        return url
    }

    /// Removes what is in a folder besides these files: what writes left that were killed half-way.
    private static func removeOthers(than paths: Set<String>, in folder: URL) {
        for path in FileManager.default.enumerator(atPath: folder.path)?.compactMap({ $0 as? String }) ?? [] {
            let file = folder.appendingPathComponent(path)
            var status = stat()
            guard !paths.contains(path), lstat(file.path, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else {
                continue
            }
            try? FileManager.default.removeItem(at: file)
        }
    }

    private static func makeFolder(_ url: URL) throws {
        do {
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        } catch {
            throw HubError.disk("\(url.path): \(error.localizedDescription)")
        }
    }

    private static func move(_ from: URL, to: URL) throws {
        guard rename(from.path, to.path) == 0 else { throw HubError.disk("\(to.path): \(systemMessage())") }
    }
}
