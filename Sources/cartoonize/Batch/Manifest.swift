import Files
import Foundation
import Synchronization

/// The record of a batch in its output folder, `cartoonize.jsonl`: one line for each image, written when the image is whole.
///
/// Shards write one file each, `cartoonize.2-of-4.jsonl`, so that no two processes write the same; all are read together.
/// A file's lock keeps a second process off the same share.
final class Manifest: Sendable {
    let path: String
    private let descriptor: Int32

    /// Opens this process's file, makes it if need be, and repairs what a killed run left: half a line at the end.
    ///
    /// - Throws: a `CommandFailure` for what is no regular file.
    init(folder: String, shard: Shard?) throws {
        path = FilePath(folder).appending(Self.name(shard))
        try Self.removeForeign(path)
        // O_NOFOLLOW and O_NONBLOCK, should somebody be quick: a link or a pipe must fail the check below.
        descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o666)
        guard descriptor >= 0 else { throw CommandFailure(writing: path, SystemError()) }
        do {
            try prepare()
        } catch {
            // Closed, the file is not taken for one that this process left empty.
            close(descriptor)
            throw error
        }
    }

    private func prepare() throws {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_nlink <= 1 else {
            throw Self.foreignFailure(path)
        }
        // A file system without locks has to do without.
        if flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
            throw CommandFailure(.output, "another cartoonize is at work on \(path); wait for it, or give --shard")
        }
        let bytes = try contents()
        if let last = bytes.last, last != UInt8(ascii: "\n") {
            let whole = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
            ftruncate(descriptor, off_t(whole))
        }
    }

    /// Removes the name of what is no manifest: a link that somebody planted would have what it leads to changed, and a
    /// pipe or a device keeps nothing.
    private static func removeForeign(_ path: String) throws {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFDIR,
            status.st_mode & S_IFMT != S_IFREG || status.st_nlink > 1
        else { return }
        let isOther = FileKind(path) == .other
        guard unlink(path) == 0 else { throw CommandFailure(writing: path, SystemError()) }
        if isOther { throw foreignFailure(path) }
    }

    private static func foreignFailure(_ path: String) -> CommandFailure {
        CommandFailure(.output, "\(path) was no regular file, and nothing can be recorded there; it was removed")
    }

    deinit {
        removeIfEmpty()
        close(descriptor)
    }

    /// Nothing was recorded: nothing stays.
    func removeIfEmpty() {
        var status = stat()
        if fstat(descriptor, &status) == 0, status.st_size == 0,
            FileIdentity(path) == FileIdentity(descriptor: descriptor)
        {
            unlink(path)
        }
    }

    /// The lines of all shards in a folder by their images' names; of several for one image, one of success, or else
    /// the last. What is no line of a manifest is passed over.
    static func lines(in folder: String) -> [FilePath: ManifestLine] {
        let names = namesInFolder(folder) ?? []
        let ours = names.filter { $0.wholeMatch(of: /cartoonize(\.\d+-of-\d+)?\.jsonl/) != nil }
        var lines: [FilePath: ManifestLine] = [:]
        for name in ours.sorted() {
            let path = FilePath(folder).appending(name)
            guard let bytes = try? RegularFile.contents(of: path, limit: byteLimit) else { continue }
            for (line, _) in readLines(bytes) {
                if line.error != nil, let known = lines[line.key], known.error == nil { continue }
                lines[line.key] = line
            }
        }
        return lines
    }

    func append(_ line: ManifestLine) throws {
        let code = writeAll(Data((try line.jsonLine() + "\n").utf8), to: descriptor)
        guard code == 0 else { throw failure(code) }
    }

    /// Brings the file into its final form: one line for each image, this run's in the run's order after all others.
    ///
    /// - Parameter order: the names of this run's images as lines have them.
    func finish(order: [FilePath]) throws {
        let bytes = try contents()
        let lines = Self.readLines(bytes).map { (key: $0.line.key, bytes: $0.bytes) }
        // An image's last line counts.
        var latest = Dictionary(lines.indices.map { (lines[$0].key, $0) }) { $1 }
        let ordered = Set(order)
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count + 1)
        func add(_ index: Int) {
            text += lines[index].bytes
            text.append(UInt8(ascii: "\n"))
        }
        for index in lines.indices where latest[lines[index].key] == index && !ordered.contains(lines[index].key) {
            add(index)
        }
        for output in order {
            if let index = latest.removeValue(forKey: output) { add(index) }
        }
        guard text != bytes else { return }
        do {
            let file = try AtomicFile(path)
            try file.write(Data(text))
            try file.commit()
        } catch {
            throw failure(error.code)
        }
    }

    /// More than images of any batch need.
    private static let byteLimit = 2 << 30

    /// What the file holds now.
    private func contents() throws -> [UInt8] {
        do {
            return try RegularFile.contents(of: path, limit: Self.byteLimit, followingLinks: false)
        } catch {
            throw CommandFailure(.output, "cannot read \(path): \(error)")
        }
    }

    private func failure(_ code: Int32) -> CommandFailure {
        var failure = CommandFailure(.output, "cannot write \(path): \(systemMessage(code))")
        failure.stopsBatch = true
        return failure
    }

    private static func readLines(_ bytes: [UInt8]) -> [(line: ManifestLine, bytes: ArraySlice<UInt8>)] {
        var lines: [(line: ManifestLine, bytes: ArraySlice<UInt8>)] = []
        var settings = ManifestLine.SettingsReader()
        for bytes in bytes.split(separator: UInt8(ascii: "\n")) {
            let bytes = bytes.last == UInt8(ascii: "\r") ? bytes.dropLast() : bytes
            guard let line = ManifestLine(json: bytes, &settings) else { continue }
            lines.append((line, bytes))
        }
        return lines
    }

    private static func name(_ shard: Shard?) -> String {
        shard.map { "cartoonize.\($0.index)-of-\($0.count).jsonl" } ?? "cartoonize.jsonl"
    }
}
