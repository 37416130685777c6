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
        text("/proc/meminfo")?.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
            .flatMap { Int($0.split(separator: " ")[1]) }.map { $0 << 10 }
    }

    /// What each control group of either version around this process has left.
    private var groupBytes: [Int] {
        let lines = (text("/proc/self/cgroup") ?? "").split(separator: "\n").map {
            $0.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        }
        return lines.filter { $0.count == 3 }.flatMap { line -> [Int] in
            if line[1].isEmpty {
                // Beside version 1's groups, version 2's are mounted a level deeper.
                return ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].flatMap {
                    left(under: $0, line[2], limit: "memory.max", usage: "memory.current", cache: "file")
                }
            }
            guard line[1].split(separator: ",").contains("memory") else { return [] }
            return left(
                under: "/sys/fs/cgroup/memory", line[2], limit: "memory.limit_in_bytes", usage: "memory.usage_in_bytes",
                cache: "total_cache")
        }
    }

    /// Of a group and all those that it is in; inside a container only the outermost may be visible.
    ///
    /// - Parameter cache: the line of `memory.stat` with the bytes of files, which the system takes back on demand.
    private func left(under mount: String, _ path: String, limit: String, usage: String, cache: String) -> [Int] {
        var parts = path.split(separator: "/").map(String.init)
        var found: [Int] = []
        while true {
            let folder = ([mount] + parts).joined(separator: "/")
            // "max" and version 1's enormous number are no limits.
            if let limit = number("\(folder)/\(limit)"), limit < 1 << 60 {
                let cached =
                    text("\(folder)/memory.stat")?.split(separator: "\n")
                    .first { $0.hasPrefix("\(cache) ") }.flatMap { Int($0.dropFirst(cache.count + 1)) } ?? 0
                found.append(max(0, limit - max(0, (number("\(folder)/\(usage)") ?? 0) - cached)))
            }
            guard !parts.isEmpty else { return found }
            parts.removeLast()
        }
    }

    private func number(_ path: String) -> Int? {
        text(path).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }

    private func text(_ path: String) -> String? { try? String(contentsOfFile: root + path, encoding: .utf8) }
}
