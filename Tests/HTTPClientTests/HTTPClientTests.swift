import Foundation
import HTTPClient
import TestSupport
import Testing

@Suite struct HTTPClientTests {
    private func client(stallSeconds: Int = 5) -> HTTPClient {
        var timeouts = HTTPClient.Timeouts()
        timeouts.connectSeconds = 5
        timeouts.stallSeconds = stallSeconds
        return HTTPClient(userAgent: "test/1", timeouts: timeouts)
    }

    /// The words of the `HTTPError` that `body` throws.
    private func words(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "nothing was thrown"
        } catch let error as HTTPError {
            return "\(error)"
        } catch {
            return "another error: \(error)"
        }
    }

    private static let picture = Data((0..<300_000).map { UInt8(truncatingIfNeeded: $0 * 31) })

    @Test func bodiesAreWhole() throws {
        let server = try TestServer { .file(Self.picture, for: $0) }
        let data = try client().data(from: server.url + "/a b?c=d", limit: 300_000, seconds: 10)
        #expect(differences(data, Self.picture) == nil)
        #expect(server.requests.map(\.path) == ["/a%20b?c=d"])
        #expect(server.requests.first?.headers["user-agent"] == "test/1")
    }

    @Test func limitsHold() throws {
        let server = try TestServer { request in
            var answer = TestServer.Answer.file(Self.picture, for: request)
            if request.path == "/unsized" {
                var body = Data()
                for _ in 0..<100 { body += Data("1000\r\n".utf8) + Data(count: 4096) + Data("\r\n".utf8) }
                answer = TestServer.Answer(200, headers: ["Transfer-Encoding": "chunked"], body: body)
            }
            if request.path == "/slow" { answer.trickle = (1000, 100_000) }
            return answer
        }
        for path in ["/sized", "/unsized"] {
            let message = words { _ = try client().data(from: server.url + path, limit: 200_000, seconds: 10) }
            #expect(message.contains("more than 200000 bytes"), "\(path)")
        }
        #expect(
            words { _ = try client().data(from: server.url + "/slow", limit: 1 << 20, seconds: 0.5) }
                .contains("took too long"))
    }

    @Test func tricklesAreGivenUp() throws {
        let server = try TestServer { request in
            var answer = TestServer.Answer.file(Self.picture, for: request)
            answer.trickle = (1, 50_000)
            return answer
        }
        #expect(
            words { _ = try client(stallSeconds: 1).data(from: server.url, limit: 1 << 20, seconds: 60) }
                .contains("took too long"))
    }

    @Test func redirectsAreFollowedAndTokensStay() throws {
        let other = try TestServer { request in
            request.path == "/back" ? .file(Self.picture, for: request) : nil
        }
        let otherPort = other.port
        let server = try TestServer { request in
            switch request.path {
            case "/a": .init(302, headers: ["Location": "/b?x=1"], body: Data(count: 100_000))
            case "/b?x=1": .init(307, headers: ["Location": "http://127.0.0.1:\(otherPort)/back"])
            case "/loop": .init(301, headers: ["Location": "loop"])
            case "/file": .init(302, headers: ["Location": "file:///etc/passwd"])
            case "/none": .init(302)
            default: nil
            }
        }
        var response: HTTPResponse?
        var count = 0
        try client().get(
            server.url + "/a", headers: ["Range: bytes=10-"], token: "secret", accept: { response = $0 },
            receive: { count += $0.count })
        #expect(response?.status == 206 && count == Self.picture.count - 10)
        #expect(response?.contentRange?.start == 10 && response?.contentRange?.whole == Self.picture.count)
        #expect(server.requests.map { $0.headers["authorization"] } == ["Bearer secret", "Bearer secret"])
        #expect(other.requests.map { $0.headers["authorization"] } == [nil])
        #expect(other.requests.map { $0.headers["range"] } == ["bytes=10-"])
        for (path, expected) in [
            ("/loop", "redirects without end"), ("/file", "is not followed"), ("/none", "status 302"),
        ] {
            #expect(
                words { _ = try client().data(from: server.url + path, limit: 10, seconds: 10) }.contains(expected))
        }
        #expect(server.requests.filter { $0.path == "/loop" }.count == 11)
    }

    @Test func failuresAreToldApart() throws {
        let server = try TestServer { request in
            switch request.path {
            case "/cut":
                var answer = TestServer.Answer.file(Self.picture, for: request)
                answer.cutAfter = 1000
                return answer
            case "/429": return .init(429, headers: ["Retry-After": "7"], body: Data("slow down".utf8))
            case "/404": return .init(404, body: Data(count: 1_000_000))
            case "/many": return .init(200, headers: ["X": String(repeating: "x", count: 90_000)])
            default: return nil
            }
        }
        func error(_ path: String) throws -> HTTPError {
            try #require(
                thrownError(HTTPError.self) {
                    try client().data(from: server.url + path, limit: 1 << 20, seconds: 10)
                })
        }
        guard case .cut = try error("/cut"), case .cut = try error("/silent") else {
            Issue.record("a cut is not reported as one")
            return
        }
        guard case .status(let response, let body) = try error("/429") else {
            Issue.record("no status")
            return
        }
        #expect(response.status == 429 && response["retry-after"] == "7" && body == "slow down")
        #expect(try error("/429").isTransient)
        #expect(try "\(error("/404"))".contains("status 404") && !error("/404").isTransient)
    }

    @Test(arguments: [
        "", "photo.jpg", "file:///etc/passwd", "ftp://host/x", "http://", "https://a b/c", "http://h\0/",
        "http://h%7f/",
    ])
    func addressesThatAreNoneAreRefused(_ text: String) {
        #expect(words { _ = try client().data(from: text, limit: 1, seconds: 1) }.contains("no http or https address"))
    }

    @Test func messagesHoldNoSecrets() throws {
        let address = try #require(WebAddress("https://user:secret@host:444/path/x?token=secret#secret"))
        #expect(address.display == "https://host:444/path/x")
        #expect(!address.isLoopback)
        #expect(try #require(WebAddress("http://127.0.0.1:80")).isLoopback)
    }

    @Test func closuresEndTransfers() throws {
        struct Enough: Error {}
        let server = try TestServer { .file(Self.picture, for: $0) }
        #expect(throws: Enough.self) {
            try client().get(server.url, accept: { _ in throw Enough() }, receive: { _ in })
        }
        #expect(throws: Enough.self) {
            try client().get(server.url, accept: { _ in }, receive: { _ in throw Enough() })
        }
    }
}
