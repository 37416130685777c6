import Foundation
import HTTPClient

/// How often something is tried again, and how long it is waited for.
public struct Retry: Sendable {
    /// So many failures in a row without progress are too many.
    public var limit = 8
    /// Doubled after each failure, up to half a minute.
    public var firstPause = 0.25
    /// The longest wait in seconds for the hub's next window of requests.
    public var longestWindow = 300
    /// The longest pause that a server may ask for.
    public var longestPause = 600.0
    /// Called before each pause.
    public var note: @Sendable (String) -> Void = { _ in }

    /// Eight failures in a row, with pauses from a quarter of a second to half a minute.
    public init() {}

    func start(for file: String) -> Attempts { Attempts(retry: self, file: file) }

    /// The failures of one file so far.
    struct Attempts {
        let retry: Retry
        let file: String
        private var failures = 0
        /// Windows of requests that were waited for.
        private var windows = 0

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
            // A host that is not known is hardly so because of a moment's fault, and each try of one that does not answer
            // takes long.
            let limit =
                switch error {
                case .noHost: min(retry.limit, 4)
                case .noAnswer: min(retry.limit, 2)
                default: retry.limit
                }
            guard failures < limit else { throw HubError.gaveUp(file: file, reason: "\(error)") }
            var pause = min(retry.firstPause * Double(1 << (failures - 1)), 30)
            if case .status(let response, _) = error, response.status == 429,
                let seconds = response["ratelimit"].flatMap(Self.secondsToNextWindow)
            {
                guard seconds < retry.longestWindow else {
                    throw HubError.gaveUp(
                        file: file, reason: "the hub's limit of requests is reached for \(seconds) seconds")
                }
                retry.note("the hub's limit of requests is reached; going on in \(seconds + 1) s")
                // The limit is one of all its users behind this address: waiting for it is no failure.
                failures -= 1
                windows += 1
                guard windows < retry.limit else { throw HubError.gaveUp(file: file, reason: "\(error)") }
                return Thread.sleep(forTimeInterval: Double(seconds) + 1)
            }
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

        /// `RateLimit: "api";r=0;t=55` has no request left for 55 seconds.
        private static func secondsToNextWindow(_ text: String) -> Int? {
            func value(_ name: String) -> Int? {
                text.split(separator: ";").map { $0.filter { $0 != " " } }.first { $0.hasPrefix("\(name)=") }
                    .flatMap { Int($0.dropFirst(name.count + 1)) }
            }
            guard value("r") == 0, let seconds = value("t"), (0...86_400).contains(seconds) else { return nil }
            return seconds
        }

        /// `Retry-After` is a number of seconds or a date.
        private static func seconds(_ text: String) -> Double? {
            if let seconds = Double(text) { return seconds.isFinite ? max(0, seconds) : nil }
            return webDate(text).map { max(0, $0 - Date.now.timeIntervalSince1970) }
        }
    }
}
