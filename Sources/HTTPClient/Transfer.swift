import CHTTP
import Foundation

/// What one request has brought so far.
final class Transfer {
    /// More header than any server has to send; libcurl bounds the single line.
    private static let headerLimit = 256 << 10
    /// Of the body of an error, what is kept.
    private static let errorBodyLimit = 4096

    private let address: WebAddress
    private let accept: (HTTPResponse) throws -> Void
    private let receive: (UnsafeRawBufferPointer) throws -> Void
    private var statusLine = ""
    private var headers: [(name: String, value: String)] = []
    private var headerBytes = 0
    private var response: HTTPResponse?
    private var errorBody: [UInt8] = []
    /// What a closure threw; libcurl then only knows that it was stopped.
    private var failure: (any Error)?

    init(
        address: WebAddress, accept: @escaping (HTTPResponse) throws -> Void,
        receive: @escaping (UnsafeRawBufferPointer) throws -> Void
    ) {
        self.address = address
        self.accept = accept
        self.receive = receive
    }

    static func of(_ context: UnsafeMutableRawPointer?) -> Transfer {
        guard let context else { preconditionFailure("a callback without its transfer") }
        return Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    }

    func header(_ bytes: UnsafePointer<CChar>?, _ length: Int) -> Int32 {
        guard response == nil else { return 0 }  // a trailer
        headerBytes += length
        guard headerBytes <= Self.headerLimit else {
            return stop(HTTPError.failed(address, reason: "its header is longer than \(Self.headerLimit) bytes"))
        }
        let line = String(decoding: UnsafeRawBufferPointer(start: bytes, count: length), as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        if line.hasPrefix("HTTP/") {
            statusLine = line
            headers = []
        } else if let colon = line.firstIndex(of: ":") {
            let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            headers.append((line[..<colon].lowercased(), value))
        } else if line.isEmpty, let status = statusLine.split(separator: " ").dropFirst().first.flatMap({ Int($0) }),
            status >= 200  // else an interim answer: the real one follows
        {
            let response = HTTPResponse(status: status, address: address, headers: headers)
            self.response = response
            if (200..<300).contains(status) { return attempt { try accept(response) } }
        }
        return 0
    }

    func body(_ bytes: UnsafeRawPointer?, _ length: Int) -> Int32 {
        guard let response else { return stop(HTTPError.failed(address, reason: "a body without a header")) }
        let piece = UnsafeRawBufferPointer(start: bytes, count: length)
        if (200..<300).contains(response.status) { return attempt { try receive(piece) } }
        errorBody += piece.prefix(Self.errorBodyLimit - errorBody.count)
        // The connection is not worth more of a body that nobody reads.
        return errorBody.count < Self.errorBodyLimit ? 0 : stop(statusError(response))
    }

    /// What came of it: the `Location` that the server redirects to, nil when the body was received.
    func finish(_ result: chttp_result) throws -> String? {
        if let response, (300..<400).contains(response.status), let location = response["location"] { return location }
        if let failure { throw failure }
        let reason = withUnsafeBytes(of: result.message) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        switch result.outcome {
        case CHTTP_DONE:
            guard let response else { throw HTTPError.cut(address, reason: "no answer") }
            guard (200..<300).contains(response.status) else { throw statusError(response) }
            return nil
        case CHTTP_BAD_URL: throw HTTPError.badAddress(address.display)
        case CHTTP_NO_HOST: throw HTTPError.noHost(address)
        case CHTTP_NO_CONNECTION: throw HTTPError.noConnection(address, reason: reason)
        case CHTTP_NO_ANSWER: throw HTTPError.noAnswer(address, reason: reason)
        case CHTTP_TLS: throw HTTPError.notTrusted(address, reason: reason)
        case CHTTP_TIMEOUT: throw HTTPError.timedOut(address, reason: reason)
        case CHTTP_CUT: throw HTTPError.cut(address, reason: reason)
        default: throw HTTPError.failed(address, reason: reason)
        }
    }

    private func statusError(_ response: HTTPResponse) -> HTTPError {
        .status(response, body: String(decoding: errorBody, as: UTF8.self))
    }

    private func attempt(_ body: () throws -> Void) -> Int32 {
        do {
            try body()
            return 0
        } catch {
            return stop(error)
        }
    }

    private func stop(_ error: any Error) -> Int32 {
        failure = error
        return 1
    }
}
