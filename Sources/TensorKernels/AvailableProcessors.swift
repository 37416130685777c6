import CKernels
import Foundation

/// The processors that this process may use.
package struct AvailableProcessors {
    /// Where the system's own files are; elsewhere in tests.
    private let root: String
    /// Those of the affinity mask.
    private let affinity: Int

    package init(root: String = "", affinity: Int = ck_processors()) { (self.root, self.affinity) = (root, affinity) }

    /// One at least, and no more than the control groups' quotas of processor time are worth.
    package var count: Int { max(1, quotas.map { Int($0.rounded(.up)) }.reduce(affinity, min)) }

    /// In processors, of each control group of either version around this process that has one.
    private var quotas: [Double] {
        let lines = (text("/proc/self/cgroup") ?? "").split(separator: "\n").map {
            $0.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        }
        return lines.filter { $0.count == 3 }.flatMap { line -> [Double] in
            if line[1].isEmpty {
                // Beside version 1's groups, version 2's are mounted a level deeper.
                return ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].flatMap { mount in
                    // "max 100000" or "150000 100000".
                    folders(under: mount, line[2]).compactMap { text($0 + "/cpu.max") }.map { $0.split(separator: " ") }
                        .compactMap { $0.count == 2 ? processors($0[0], of: $0[1]) : nil }
                }
            }
            guard line[1].split(separator: ",").contains("cpu") else { return [] }
            return folders(under: "/sys/fs/cgroup/cpu", line[2]).compactMap { folder in
                processors(text(folder + "/cpu.cfs_quota_us") ?? "", of: text(folder + "/cpu.cfs_period_us") ?? "")
            }
        }
    }

    /// Of a group and all those that it is in; inside a container only the outermost may be visible.
    private func folders(under mount: String, _ path: String) -> [String] {
        let parts = path.split(separator: "/").map(String.init)
        return (0...parts.count).map { ([mount] + parts.prefix($0)).joined(separator: "/") }
    }

    /// "max" and -1 are no quota.
    private func processors(_ quota: some StringProtocol, of period: some StringProtocol) -> Double? {
        guard let quota = Int(quota.trimmingCharacters(in: .whitespacesAndNewlines)), quota > 0,
            let period = Int(period.trimmingCharacters(in: .whitespacesAndNewlines)), period > 0
        else { return nil }
        return min(Double(quota) / Double(period), 1e6)
    }

    private func text(_ path: String) -> String? { try? String(contentsOfFile: root + path, encoding: .utf8) }
}
