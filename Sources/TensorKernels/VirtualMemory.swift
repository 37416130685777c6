import Files
import Foundation

/// The virtual memory that this process may use.
public enum VirtualMemory {
    /// Bytes that it may still map; nil where neither `RLIMIT_AS` (`ulimit -v`) nor `RLIMIT_DATA` (`ulimit -d`) sets a limit.
    ///
    /// Mapped files do not count as data, but are taken to: a run then has less than it might.
    public static var left: Int? {
        guard limit(RLIMIT_AS) != nil || limit(RLIMIT_DATA) != nil else { return nil }
        let used = ProcessStatus.memory
        func left(_ limit: Int?, _ field: Int) -> Int? {
            limit.map { max(0, $0 - (used?[field] ?? 0)) }
        }
        return [left(limit(RLIMIT_AS), 0), left(limit(RLIMIT_DATA), 5)].compactMap { $0 }.min()
    }

    private static func limit(_ resource: __rlimit_resource) -> Int? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0, limit.rlim_cur < 1 << 62 else {
            return nil
        }
        return Int(limit.rlim_cur)
    }

    /// What a new thread's stack takes.
    public static var bytesPerThread: Int {
        var limit = rlimit()
        let known = getrlimit(__rlimit_resource_t(RLIMIT_STACK.rawValue), &limit) == 0 && limit.rlim_cur < 1 << 30
        return known ? Int(limit.rlim_cur) : 8 << 20
    }
}
