import Foundation
import Synchronization

/// An HTTP server on this machine for tests, which misbehaves as a test asks. One connection for each request.
public final class TestServer: Sendable {
    public struct Request: Sendable {
        public let path: String
        /// Names in lower case.
        public let headers: [String: String]
    }

    /// What is sent, byte for byte, with what goes wrong on the way.
    public struct Answer: Sendable {
        var status: Int
        var headers: [String: String]
        var body: Data
        /// The connection ends after so many bytes of the body.
        public var cutAfter: Int?
        /// The pause after each piece of so many bytes.
        public var trickle: (bytes: Int, microseconds: UInt32)?

        public init(_ status: Int, headers: [String: String] = [:], body: Data = Data()) {
            self.status = status
            self.headers = headers
            self.body = body
        }

        /// The file `body` as a server with ranges sends it.
        public static func file(_ body: Data, etag: String? = nil, for request: Request) -> Answer {
            var headers = ["Accept-Ranges": "bytes"]
            if let etag { headers["ETag"] = etag }
            guard let range = request.headers["range"], range.hasPrefix("bytes="),
                let start = range.dropFirst(6).split(separator: "-").first.flatMap({ Int($0) }),
                request.headers["if-range"].map({ $0 == etag }) ?? true
            else { return Answer(200, headers: headers, body: body) }
            guard start < body.count else {
                headers["Content-Range"] = "bytes */\(body.count)"
                return Answer(416, headers: headers)
            }
            headers["Content-Range"] = "bytes \(start)-\(body.count - 1)/\(body.count)"
            return Answer(206, headers: headers, body: body.dropFirst(start))
        }
    }

    public let port: UInt16
    private let listener: Int32
    private let log = Mutex<[Request]>([])
    private let answer: @Sendable (Request) -> Answer?

    /// - Parameter answer: nil closes the connection without a word.
    public init(_ answer: @escaping @Sendable (Request) -> Answer?) throws {
        self.answer = answer
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let opened = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard opened else { throw POSIXError(.EADDRNOTAVAIL) }
        port = UInt16(bigEndian: address.sin_port)
        let answerConnection: @Sendable (Int32) -> Void = { [weak self] in self?.serve($0) }
        Thread.detachNewThread {
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { return }
                Thread.detachNewThread { answerConnection(connection) }
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    public var url: String { "http://127.0.0.1:\(port)" }

    /// All requests so far.
    public var requests: [Request] { log.withLock { $0 } }

    private func serve(_ connection: Int32) {
        defer { close(connection) }
        guard let request = Self.read(connection) else { return }
        log.withLock { $0.append(request) }
        guard let answer = answer(request) else { return }
        var head = "HTTP/1.1 \(answer.status) Test\r\nConnection: close\r\n"
        var headers = answer.headers
        if headers["Content-Length"] == nil, headers["Transfer-Encoding"] == nil {
            headers["Content-Length"] = String(answer.body.count)
        }
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        guard Self.send(Data((head + "\r\n").utf8), to: connection) else { return }
        var rest = answer.body.prefix(answer.cutAfter ?? answer.body.count)
        while !rest.isEmpty {
            let piece = rest.prefix(answer.trickle?.bytes ?? rest.count)
            guard Self.send(Data(piece), to: connection) else { return }
            rest = rest.dropFirst(piece.count)
            if let pause = answer.trickle?.microseconds { usleep(pause) }
        }
    }

    private static func read(_ connection: Int32) -> Request? {
        var head: [UInt8] = []
        var byte: UInt8 = 0
        while !head.ends(with: Array("\r\n\r\n".utf8)) {
            guard head.count < 65_536, recv(connection, &byte, 1, 0) == 1 else { return nil }
            head.append(byte)
        }
        let lines = String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n")
        guard let path = lines[0].split(separator: " ").dropFirst().first else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] = line[line.index(after: colon)...]
                .trimmingCharacters(in: .whitespaces)
        }
        return Request(path: String(path), headers: headers)
    }

    private static func send(_ data: Data, to connection: Int32) -> Bool {
        data.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) -> Bool in
            var rest = bytes[...]
            while !rest.isEmpty {
                let sent = Foundation.send(
                    connection, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count, Int32(MSG_NOSIGNAL))
                guard sent > 0 else { return false }
                rest = rest.dropFirst(sent)
            }
            return true
        }
    }
}

extension Array where Element: Equatable {
    fileprivate func ends(with end: [Element]) -> Bool { suffix(end.count).elementsEqual(end) }
}
