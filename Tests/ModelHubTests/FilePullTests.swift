import Checkpoints
import Foundation
import HTTPClient
import Synchronization
import TestSupport
import Testing

import ModelHub

/// Single files of weights, from a hub or any server.
@Suite struct FilePullTests {
    private let content = Data((0..<300_000).map { UInt8(truncatingIfNeeded: $0 * 31) })

    private func hub(_ environment: [String: String]) throws -> Hub {
        try Hub(environment: environment, userAgent: "test")
    }

    private func inFolder(_ body: (URL) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("file-pull-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder)
        let left = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
        #expect(!left.contains { $0.contains(".pull") }, "\(left)")
    }

    /// Pulls into `folder`; a file that is kept goes into `kept`.
    private func pull(
        _ text: String, _ hub: Hub, into folder: URL, replacing: Bool = false,
        place: ((URL) throws -> FilePull.Placement)? = nil
    ) throws -> URL? {
        guard case .file(let file) = try PullTarget(text, hub: hub) else { throw HubError.badName(text) }
        var retry = Retry()
        (retry.firstPause, retry.limit) = (0.001, 4)
        return try FilePull(file, from: hub, precision: .float16, retry: retry).run(
            destination: folder.appendingPathComponent("models/model"), replacing: replacing,
            place: place ?? { _ in .kept(folder.appendingPathComponent("kept/\(file.name)")) })
    }

    // MARK: - Names

    @Test(arguments: [
        ("org/name/a.safetensors", "org/name/a.safetensors"), ("hf://org/name/sub/a.ckpt", "org/name/sub/a.ckpt"),
        ("org/name@v1/a.pt", "org/name@v1/a.pt"),
        ("https://hub.example/org/name/blob/main/sub/a.bin", "org/name/sub/a.bin"),
        ("https://hub.example/org/name/resolve/v1/a.bin?download=true", "org/name@v1/a.bin"),
        ("https://user:secret@other.example/x/a%20b.safetensors?token=1", "https://other.example/x/a%20b.safetensors"),
    ])
    func filesAreRecognized(text: String, shown: String) throws {
        guard case .file(let file) = try PullTarget(text, hub: hub(["HF_ENDPOINT": "https://hub.example"])) else {
            Issue.record("a repository")
            return
        }
        #expect(file.description == shown)
    }

    @Test(arguments: ["org/name", "org/name@v1", "name", "hf://org/name", "org/name@refs/pr/1"])
    func repositoriesAreRecognized(text: String) throws {
        let name = try HubName(text.replacingOccurrences(of: "hf://", with: ""))
        #expect(try PullTarget(text, hub: hub([:])) == .repository(name))
    }

    @Test(arguments: [
        "org/name/../a.bin", "org/name//a.bin", "ftp://a.example/b.bin", "https://", "../name/a.bin", "hf://",
    ])
    func othersAreRefused(text: String) throws {
        let hub = try hub([:])
        #expect(throws: HubError.self) { try PullTarget(text, hub: hub) }
    }

    // MARK: - From a hub

    @Test func aFileOfARepositoryIsChecked() throws {
        let hub = try TestHub(["sub/lora.safetensors": content])
        try inFolder { folder in
            let ours = try self.hub(hub.environment)
            let found = try #require(try pull("org/model/sub/lora.safetensors", ours, into: folder))
            #expect(found.lastPathComponent == "lora.safetensors")
            #expect(try Data(contentsOf: found) == content)
            #expect(hub.storage.requests.allSatisfy { $0.headers["authorization"] == nil })
            let wrong = thrownError(HubError.self) { try pull("org/model/sub/lara.safetensors", ours, into: folder) }
            #expect("\(wrong.map { "\($0)" } ?? "none")".contains("did you mean sub/lora.safetensors?"))
        }
    }

    @Test func aWrongChecksumIsRefused() throws {
        let hub = try TestHub(
            ["lora.safetensors": content],
            storageAnswer: { _, _, _ in .init(200, body: Data(count: 300_000)) })
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        let error = thrownError(HubError.self) {
            try pull("org/model/lora.safetensors", self.hub(hub.environment), into: folder)
        }
        #expect("\(error.map { "\($0)" } ?? "none")".contains("its checksum is"))
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/kept"))
    }

    // MARK: - From any server

    /// A server that ends the first transfer of the file early.
    private func server(etags: [String?]) throws -> TestServer {
        let count = Mutex(0)
        return try TestServer { [content] request in
            let number = count.withLock { count in
                defer { count += 1 }
                return count
            }
            var answer = TestServer.Answer.file(content, etag: etags[min(number, etags.count - 1)], for: request)
            if number == 1 { answer.cutAfter = 200_000 }
            return answer
        }
    }

    @Test(
        arguments: [
            (["\"1\""], 3, "200000"), (["\"1\"", "\"1\"", "\"2\""], 3, nil), ([nil], 3, nil), (["W/\"1\""], 3, nil),
        ] as [([String?], Int, String?)])
    func downloadsAreContinued(etags: [String?], requests: Int, start: String?) throws {
        let server = try server(etags: etags)
        try inFolder { folder in
            let found = try #require(try pull("\(server.url)/a.safetensors", hub([:]), into: folder))
            #expect(try Data(contentsOf: found) == content)
            #expect(server.requests.count == requests)
            let range = server.requests.last?.headers["range"]
            // A file whose version the server does not give is started over; another version is sent as a whole.
            #expect(start == nil || range == "bytes=200000-")
            if etags.count == 1, start == nil { #expect(range == nil) }
        }
    }

    @Test func aServerWithoutSizesIsRefused() throws {
        let server = try TestServer { _ in .init(200, headers: ["Content-Encoding": "gzip"], body: Data([1])) }
        let error = thrownError(HubError.self) {
            try pull("\(server.url)/a.safetensors", hub([:]), into: URL(fileURLWithPath: "/nowhere"))
        }
        #expect("\(error.map { "\($0)" } ?? "none")".contains("does not say how many bytes"))
    }

    @Test func modelsAreConvertedOnce() throws {
        let server = try server(etags: ["\"1\""])
        try inFolder { folder in
            let model = folder.appendingPathComponent("models/model")
            func pulled(replacing: Bool = false) throws -> URL? {
                try pull("\(server.url)/a.safetensors", hub([:]), into: folder, replacing: replacing) { file in
                    .converted { target in
                        try Data(contentsOf: file).write(to: target.appendingPathComponent("weights"))
                    }
                }
            }
            #expect(try pulled()?.path == model.path)
            #expect(try Data(contentsOf: model.appendingPathComponent("weights")) == content)
            #expect(PullSource.read(model)?.repository == "\(server.url)/a.safetensors")
            #expect(try FileChecksums.known(of: model)["weights"] != nil)
            #expect(try pulled() == nil)
            #expect(try pulled(replacing: true)?.path == model.path)
            let other = try self.server(etags: ["\"1\""])
            let error = thrownError(HubError.self) { try pull("\(other.url)/a.safetensors", hub([:]), into: folder) }
            #expect("\(error.map { "\($0)" } ?? "none")".contains("--force replaces it"))
        }
    }

    /// What is of no use goes, so that the same command does not find it again.
    @Test func whatIsRefusedGoes() throws {
        let server = try server(etags: ["\"1\""])
        try inFolder { folder in
            #expect(throws: CheckpointError.self) {
                try pull("\(server.url)/a.safetensors", hub([:]), into: folder) { file in
                    throw CheckpointError.unsupported(file: file.path, reason: "it is nothing")
                }
            }
            #expect(!FileManager.default.fileExists(atPath: folder.path + "/models/model"))
        }
    }
}
