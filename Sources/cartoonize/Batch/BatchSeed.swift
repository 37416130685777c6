import Files
import Foundation

/// The random seed of a batch without `--seed`, kept in the output folder: a batch that goes on after a break, and shards
/// that start at the same time, must use the same.
enum BatchSeed {
    static let name = "cartoonize.seed"

    /// The seed in the folder; nil when there is none yet.
    static func stored(in folder: String) throws -> UInt64? {
        let path = FilePath(folder).appending(name)
        let content: [UInt8]
        do {
            content = try RegularFile.contents(of: path, limit: 32)
        } catch  where error.isAbsence {
            return nil
        } catch {
            throw failure(path)
        }
        let text = String(decoding: content, as: UTF8.self)
        guard let seed = UInt64(text.trimmingCharacters(in: .whitespacesAndNewlines)), seed <= UInt64(UInt32.max) else {
            throw failure(path)
        }
        return seed
    }

    private static func failure(_ path: String) -> CommandFailure {
        CommandFailure(.output, "\(path) holds no seed; remove it, or give --seed")
    }

    /// Stores `candidate` unless another process was first.
    ///
    /// - Returns: the seed that all use.
    static func agreed(_ candidate: UInt64, in folder: String) throws -> UInt64 {
        if let stored = try stored(in: folder) { return stored }
        let path = FilePath(folder).appending(name)
        do {
            let file = try AtomicFile(path)
            try file.write(Data("\(candidate)\n".utf8))
            try file.commit(replacing: false)
            return candidate
        } catch {
            if error.code == EEXIST, let stored = try stored(in: folder) { return stored }
            throw CommandFailure(writing: path, error)
        }
    }
}
