import CHTTP
import Foundation

/// Gets what an http or https address holds, piece by piece and within limits.
///
/// Calls block until the transfer is over. Redirects are followed as long as they do not leave encryption. The
/// environment's proxies are used (`https_proxy`, `no_proxy`, ...), and its certificates in place of the system's
/// (`CURL_CA_BUNDLE`, `SSL_CERT_FILE`, `SSL_CERT_DIR`). One thread at a time may use a client.
public final class HTTPClient {
    /// When to give a server up.
    public struct Timeouts: Sendable {
        /// The longest that a connection and its encryption may take to be made: four ways there and back, or three lost
        /// packets that are sent again.
        public var connectSeconds = 8
        /// A transfer ends when it has been slower than `stallBytes` per second for so many seconds.
        public var stallSeconds = 60
        /// The bytes in each second below which a transfer counts as stalled.
        public var stallBytes = 1024

        /// 8 seconds for a connection; at least 1024 bytes in each second, over a minute.
        public init() {}
    }

    private static let redirectLimit = 10

    private let session: OpaquePointer?
    private let userAgent: String
    private let timeouts: Timeouts

    /// - Parameters:
    ///   - userAgent: how the program names itself to servers, such as `cartoonize/1.0`.
    ///   - timeouts: when to give a server up.
    public init(userAgent: String, timeouts: Timeouts = Timeouts()) {
        session = chttp_open()
        self.userAgent = userAgent
        self.timeouts = timeouts
    }

    deinit {
        if let session { chttp_close(session) }
    }

    /// The whole body at `url`, which may take at most `limit` bytes and `seconds`.
    ///
    /// - Parameters:
    ///   - url: an http or https address.
    ///   - limit: bytes.
    ///   - seconds: until everything must be done.
    ///   - token: sent as a bearer token to the host, port and scheme of `url` and to no other that it redirects to.
    ///   - inspect: called with all that has come so far, again and again; what it throws ends the transfer.
    /// - Throws: `HTTPError`, and what `inspect` throws.
    public func data(
        from url: String, limit: Int, seconds: Double, token: String? = nil,
        inspect: (HTTPResponse, Data) throws -> Void = { _, _ in }
    ) throws -> Data {
        var data = Data()
        var answer: HTTPResponse?
        let start = try address(url)
        try get(
            start, token: token, seconds: seconds,
            accept: { response in
                answer = response
                if let length = response.contentLength, length > limit {
                    throw HTTPError.tooLarge(response.address, limit: limit)
                }
            },
            receive: { piece in
                guard piece.count <= limit - data.count else { throw HTTPError.tooLarge(start, limit: limit) }
                data.append(contentsOf: piece)
                if let answer { try inspect(answer, data) }
            })
        return data
    }

    /// Gets `url` and hands its body over piece by piece.
    ///
    /// - Parameters:
    ///   - url: an http or https address.
    ///   - headers: whole lines, sent with every request of a chain of redirects.
    ///   - token: sent as a bearer token to the host, port and scheme of `url` and to no other that it redirects to.
    ///   - seconds: until everything must be done.
    ///   - accept: called with the answer of a successful request before its body; what it throws ends the transfer.
    ///   - receive: called with each piece of the body; what it throws ends the transfer.
    /// - Throws: `HTTPError`, `.status` for an answer other than success, and what the closures throw.
    public func get(
        _ url: String, headers: [String] = [], token: String? = nil, seconds: Double? = nil,
        accept: (HTTPResponse) throws -> Void, receive: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        try get(
            address(url), headers: headers, token: token, seconds: seconds, accept: accept, receive: receive)
    }

    private func address(_ url: String) throws -> WebAddress {
        guard let address = WebAddress(url) else { throw HTTPError.badAddress(WebAddress.redacted(url)) }
        return address
    }

    private func get(
        _ start: WebAddress, headers: [String] = [], token: String?, seconds: Double?,
        accept: (HTTPResponse) throws -> Void, receive: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let deadline = seconds.map { ContinuousClock.now + .seconds($0) }
        var address = start
        for _ in 0...Self.redirectLimit {
            var lines = headers
            if let token, address.origin == start.origin { lines.append("Authorization: Bearer \(token)") }
            let location = try request(address, headers: lines, deadline: deadline, accept: accept, receive: receive)
            guard let location else { return }
            let target = WebAddress(location, relativeTo: address)
            guard let target, target.isEncrypted || !address.isEncrypted else {
                throw HTTPError.badRedirect(address, to: target?.display ?? "an unknown kind of address")
            }
            address = target
        }
        throw HTTPError.tooManyRedirects(start)
    }

    /// One request; returns the `Location` that the server redirects to, nil when the body was received.
    private func request(
        _ address: WebAddress, headers: [String], deadline: ContinuousClock.Instant?,
        accept: (HTTPResponse) throws -> Void, receive: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> String? {
        guard let session else { throw HTTPError.failed(address, reason: "out of memory") }
        var milliseconds = 0
        if let deadline {
            milliseconds = Int((deadline - .now) / .milliseconds(1))
            guard milliseconds > 0 else { throw HTTPError.timedOut(address, reason: "the time given is over") }
        }
        return try withoutActuallyEscaping(accept) { accept in
            try withoutActuallyEscaping(receive) { receive in
                let transfer = Transfer(address: address, accept: accept, receive: receive)
                let result = withCStrings(headers) { lines in
                    address.string.withCString { url in
                        userAgent.withCString { userAgent in
                            var request = chttp_request(
                                url: url, headers: lines.baseAddress, header_count: lines.count, user_agent: userAgent,
                                connect_seconds: timeouts.connectSeconds, total_milliseconds: milliseconds,
                                stall_bytes: timeouts.stallBytes, stall_seconds: timeouts.stallSeconds,
                                context: Unmanaged.passUnretained(transfer).toOpaque(),
                                on_header: { Transfer.of($0).header($1, $2) },
                                on_body: { Transfer.of($0).body($1, $2) })
                            return chttp_get(session, &request)
                        }
                    }
                }
                return try withExtendedLifetime(transfer) { try transfer.finish(result) }
            }
        }
    }
}

/// Calls `body` with the texts as C strings.
private func withCStrings<Result>(
    _ texts: [String], _ body: (UnsafeBufferPointer<UnsafePointer<CChar>?>) -> Result
) -> Result {
    let copies = texts.map { strdup($0) }
    defer { copies.forEach { free($0) } }
    return copies.map { $0.map { UnsafePointer($0) } }.withUnsafeBufferPointer(body)
}
