import Foundation
import HTTPClient

/// How often something is tried again, and how long it is waited for.
public struct Retry: Sendable {
    /// So many failures in a row without progress are too many.
    public var limit = 8
    /// Doubled after each failure, up to half a minute.
    public var firstPause = 0.25
    /// The longest pause that a server may ask for.
    public var longestPause = 600.0
    /// Told before each pause.
    public var note: @Sendable (String) -> Void = { _ in }

    /// Eight failures in a row, with pauses from a quarter of a second to half a minute.
    public init() {}

    func start(for file: String) -> Attempts { Attempts(retry: self, file: file) }

    /// The failures of one file so far.
    struct Attempts {
        let retry: Retry
        let file: String
        private var failures = 0

        init(retry: Retry, file: String) {
            self.retry = retry
            self.file = file
        }

        /// Something was achieved: earlier failures are forgiven.
        mutating func progressed() { failures = 0 }

        /// Waits if `error` may pass; throws `sentence`, or that it was tried too often.
        mutating func pauseOrThrow(after error: HTTPError, _ sentence: HubError) throws {
            guard error.isTransient else { throw sentence }
            failures += 1
            guard failures < retry.limit else { throw HubError.gaveUp(file: file, reason: "\(error)") }
            var pause = min(retry.firstPause * Double(1 << (failures - 1)), 30)
            if case .status(let response, _) = error, let wanted = response["retry-after"].flatMap(Self.seconds) {
                guard wanted <= retry.longestPause else {
                    throw HubError.gaveUp(
                        file: file, reason: "the server asks to come back in \(Int(min(wanted, 1e9))) seconds")
                }
                pause = max(wanted, min(pause, 1))
            }
            retry.note("\(error); trying again in \(pause < 10 ? String(format: "%.2g", pause) : "\(Int(pause))") s")
            Thread.sleep(forTimeInterval: pause)
        }

        /// `Retry-After` is a number of seconds or a date.
        private static func seconds(_ text: String) -> Double? {
            if let seconds = Double(text) { return seconds.isFinite ? max(0, seconds) : nil }
            return webDate(text).map { max(0, $0 - Date.now.timeIntervalSince1970) }
        }
    }
}
