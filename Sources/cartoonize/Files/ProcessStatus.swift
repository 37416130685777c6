import Foundation

/// The largest resident memory of this process so far, in bytes; nil where the system has no `/proc`.
///
/// The kernel's own mark for this program: `getrusage` would count what the parent process used before it started us.
func peakResidentBytes() -> Int? {
    guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return nil }
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
}

/// The resident memory of this process, in bytes.
func residentBytes() -> Int? {
    (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?
        .split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * Int(getpagesize()) }
}
