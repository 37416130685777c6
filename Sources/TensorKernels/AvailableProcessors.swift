import CKernels
import Files

/// The processors that this process may use.
package struct AvailableProcessors {
    private let groups: ControlGroups
    /// Those of the affinity mask.
    private let affinity: Int

    /// - Parameter root: where the system's own files are; elsewhere in tests.
    package init(root: String = "", affinity: Int = ck_processors()) {
        (groups, self.affinity) = (ControlGroups(root: root), affinity)
    }

    /// One at least, and no more than the control groups' quotas of processor time are worth.
    package var count: Int { max(1, quotas.map { Int($0.rounded(.up)) }.reduce(affinity, min)) }

    /// In processors, of each control group that has one.
    private var quotas: [Double] {
        groups.folders(of: "cpu").compactMap { folder in
            switch folder {
            case .version1(let path):
                return processors(
                    groups.number(path + "/cpu.cfs_quota_us"), of: groups.number(path + "/cpu.cfs_period_us"))
            case .version2(let path):
                // "max 100000" or "150000 100000".
                let parts = (groups.text(path + "/cpu.max") ?? "").split(whereSeparator: \.isWhitespace).map { Int($0) }
                return parts.count == 2 ? processors(parts[0], of: parts[1]) : nil
            }
        }
    }

    /// "max" and -1 are no quota.
    private func processors(_ quota: Int?, of period: Int?) -> Double? {
        guard let quota, quota > 0, let period, period > 0 else { return nil }
        return min(Double(quota) / Double(period), 1e6)
    }
}
