import Files
import Foundation
import Synchronization

/// The record of a batch in its output folder, `cartoonize.jsonl`: a line a picture, written when the picture is whole.
///
/// Shards write one file each, `cartoonize.2-of-4.jsonl`, so that no two processes write the same; all are read together.
/// A file's lock keeps a second process off the same share.
final class Manifest: Sendable {
    let path: String
    private let descriptor: Int32

    /// Opens this process's file, makes it if need be, and repairs what a killed run left: half a line at the end.
    init(folder: String, shard: Shard?) throws {
        path = FilePath(folder).appending(Self.name(shard))
        descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw CommandFailure(writing: path, SystemError()) }
        // A file system without locks has to do without.
        if flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
            close(descriptor)
            throw CommandFailure(.output, "another cartoonize is at work on \(path); wait for it, or give --shard")
        }
        let bytes = FileManager.default.contents(atPath: path) ?? Data()
        if let last = bytes.last, last != UInt8(ascii: "\n") {
            let whole = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
            ftruncate(descriptor, off_t(whole))
        }
    }

    deinit {
        // Nothing was recorded: nothing stays.
        var status = stat()
        if fstat(descriptor, &status) == 0, status.st_size == 0,
            FileIdentity(path) == FileIdentity(descriptor: descriptor)
        {
            unlink(path)
        }
        close(descriptor)
    }

    /// The lines of all shards in a folder by their pictures' names; of several for one picture, one of success, or else
    /// the last. What is no line of a manifest is passed over.
    static func lines(in folder: String) -> [String: ManifestLine] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? []
        var lines: [String: ManifestLine] = [:]
        for name in names.sorted() where name.wholeMatch(of: /cartoonize(\.\d+-of-\d+)?\.jsonl/) != nil {
            for line in readLines(FilePath(folder).appending(name)) {
                if line.error != nil, let known = lines[line.output], known.error == nil { continue }
                lines[line.output] = line
            }
        }
        return lines
    }

    func append(_ line: ManifestLine) throws {
        let code = writeAll(Data((try line.jsonLine() + "\n").utf8), to: descriptor)
        guard code == 0 else { throw failure(code) }
    }

    /// Brings the file into its final form: one line a picture, this run's in the run's order after all others.
    func finish(order: [String]) throws {
        let lines = Self.readLines(path)
        // A picture's last line counts.
        var latest = Dictionary(lines.map { ($0.output, $0) }) { $1 }
        let ordered = Set(order)
        var text = ""
        for line in lines where !ordered.contains(line.output) && latest[line.output] == line {
            text += try line.jsonLine() + "\n"
            latest[line.output] = nil
        }
        for output in order {
            if let line = latest[output] { text += try line.jsonLine() + "\n" }
        }
        guard Data(text.utf8) != FileManager.default.contents(atPath: path) else { return }
        do {
            let file = try AtomicFile(path)
            try file.write(Data(text.utf8))
            try file.commit()
        } catch {
            throw failure(error.code)
        }
    }

    private func failure(_ code: Int32) -> CommandFailure {
        var failure = CommandFailure(.output, "cannot write \(path): \(systemMessage(code))")
        failure.stopsBatch = true
        return failure
    }

    private static func readLines(_ path: String) -> [ManifestLine] {
        (FileManager.default.contents(atPath: path) ?? Data()).split(separator: UInt8(ascii: "\n"))
            .compactMap { ManifestLine(json: $0) }
    }

    private static func name(_ shard: Shard?) -> String {
        shard.map { "cartoonize.\($0.index)-of-\($0.count).jsonl" } ?? "cartoonize.jsonl"
    }
}
