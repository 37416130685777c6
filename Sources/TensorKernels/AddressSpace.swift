import Foundation

/// The addresses that this process may use.
public enum AddressSpace {
    /// Bytes that it may still map; nil where `RLIMIT_AS` (`ulimit -v`) sets no limit.
    public static var left: Int? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur < 1 << 62 else {
            return nil
        }
        let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ").first
        return max(0, Int(limit.rlim_cur) - (pages.flatMap { Int($0) } ?? 0) * Int(getpagesize()))
    }
}
