import Foundation

/// What Linux reports to a process about itself.
package enum ProcessStatus {
    /// The running program's file, symbolic links resolved.
    package static var executable: URL { URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath() }

    /// The resident memory, in bytes; nil where the system has no `/proc`.
    package static var residentBytes: Int? { memory?[1] }

    /// The largest resident memory so far, in bytes; nil where the system has no `/proc`.
    ///
    /// The kernel's own figure for this program: `getrusage` would count what the parent process used before it started
    /// us.
    package static var peakResidentBytes: Int? {
        guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return nil }
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
    }

    /// Bytes: all that is mapped, resident, shared, code, 0, data and stack.
    package static var memory: [Int]? {
        guard let pages = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return nil }
        let bytes = pages.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }.map { $0 * Int(getpagesize()) }
        return bytes.count < 6 ? nil : bytes
    }
}
