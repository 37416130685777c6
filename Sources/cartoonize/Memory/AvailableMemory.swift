import Files
import Foundation

/// The memory that this process may still take.
struct AvailableMemory {
    /// Where the system's own files are; elsewhere in tests.
    var root = ""

    /// In bytes: the system's, or less if a control group limits this process; nil where none is known.
    var bytes: Int? { ([systemBytes].compactMap { $0 } + groupBytes).min() }

    /// Throws a `CommandFailure` unless `needed` bytes can be had.
    ///
    /// - Parameter work: what takes them, as the start of a sentence.
    func require(_ needed: Int, for work: String) throws {
        guard let bytes, bytes < needed else { return }
        throw CommandFailure(
            .memory,
            "not enough memory: \(work) takes about \(byteCountText(needed)), and \(byteCountText(bytes)) can be had")
    }

    /// `MemAvailable`: free, or given back by caches on demand.
    private var systemBytes: Int? {
        (try? String(contentsOfFile: root + "/proc/meminfo", encoding: .utf8))?
            .split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
            .flatMap { Int($0.split(separator: " ")[1]) }.map { $0 << 10 }
    }

    /// What each control group around this process has left.
    private var groupBytes: [Int] {
        let groups = ControlGroups(root: root)
        return groups.folders(of: "memory").compactMap { folder in
            switch folder {
            case .version1(let path):
                return left(
                    groups, limit: path + "/memory.limit_in_bytes", usage: path + "/memory.usage_in_bytes",
                    statistics: path + "/memory.stat", cache: "total_cache")
            case .version2(let path):
                return left(
                    groups, limit: path + "/memory.max", usage: path + "/memory.current",
                    statistics: path + "/memory.stat", cache: "file")
            }
        }
    }

    /// - Parameter cache: the line of `statistics` with the bytes of files, which the system takes back on demand.
    private func left(
        _ groups: ControlGroups, limit: String, usage: String, statistics: String, cache: String
    ) -> Int? {
        // "max" and version 1's enormous number are no limits.
        guard let limit = groups.number(limit), limit < 1 << 60 else { return nil }
        let cached =
            groups.text(statistics)?.split(separator: "\n")
            .first { $0.hasPrefix("\(cache) ") }.flatMap { Int($0.dropFirst(cache.count + 1)) } ?? 0
        return max(0, limit - max(0, (groups.number(usage) ?? 0) - cached))
    }
}
