import Checkpoints
import Foundation
import HTTPClient
import Synchronization
import TestSupport
import Testing

import ModelHub

@Suite struct ModelPullTests {
    private static let unet = "unet/diffusion_pytorch_model.safetensors"

    /// A pull into a folder of its own.
    private struct Place {
        let folder: URL
        var destination: URL { folder.appendingPathComponent("models/org/model") }
        var staging: URL { folder.appendingPathComponent("models/org/.model.pull") }

        init() throws {
            folder = FileManager.default.temporaryDirectory.appendingPathComponent("pull-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }

        func pull(
            _ hub: TestHub, name: String = "org/model", environment: [String: String]? = nil,
            precision: WeightPrecision = .float16, originals: URL? = nil, connectSeconds: Int = 5,
            notes: Notes = Notes()
        ) throws -> Pull {
            var retry = Retry()
            retry.firstPause = 0.001
            retry.limit = 4
            retry.note = { notes.add($0) }
            var timeouts = HTTPClient.Timeouts()
            timeouts.stallSeconds = 1
            timeouts.connectSeconds = connectSeconds
            let pull = ModelPull(
                try HubName(name),
                from: try Hub(environment: environment ?? hub.environment, userAgent: "test", timeouts: timeouts),
                precision: precision, destination: destination, originals: originals, retry: retry)
            return Pull(pull: pull, hub: hub)
        }

        /// Everything below the folder.
        var contents: [String] {
            (FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []).sorted()
        }
    }

    /// A pull that keeps its hub open.
    private struct Pull {
        let pull: ModelPull
        let hub: TestHub

        func run(
            replacing: Bool, planned: (ModelPull.Plan) throws -> Void = { _ in },
            progress: (ModelPull.Event) throws -> Void = { _ in }, check: (URL) throws -> Void = { _ in }
        ) throws -> ModelConverter.Report? {
            try withExtendedLifetime(hub) {
                try pull.run(replacing: replacing, planned: planned, progress: progress, check: check)
            }
        }
    }

    /// What a pull said.
    private final class Notes: @unchecked Sendable {
        private let lock = NSLock()
        private var lines: [String] = []

        func add(_ line: String) { lock.withLock { lines.append(line) } }
        var all: [String] { lock.withLock { lines } }
    }

    /// The words of the `HubError` that `body` throws.
    private func words(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "nothing was thrown"
        } catch let error as HubError {
            return "\(error)"
        } catch {
            return "another error: \(error)"
        }
    }

    /// The pulled folder must be what the converter makes of the files themselves, and nothing may be left beside it.
    private func expectComplete(_ place: Place, _ files: [String: Data]) throws {
        for part in ModelPart.allCases {
            let expected = place.folder.appendingPathComponent("expected-\(part)")
            try FileManager.default.createDirectory(at: expected, withIntermediateDirectories: true)
            let name = "\(part.weightName).safetensors"
            let original = expected.appendingPathComponent(name)
            try #require(files["\(part.rawValue)/\(name)"]).write(to: original)
            let ours = try WeightStore(
                folder: place.destination.appendingPathComponent(part.rawValue), name: part.weightName)
            for tensor in try readTensors(original) where !tensor.key.hasSuffix("position_ids") {
                #expect(
                    try ours.tensor(tensor.key, shape: tensor.shape).withBytes { [UInt8]($0) }
                        == tensor.stored().withBytes { [UInt8]($0) },
                    "\(tensor.key)")
            }
            try FileManager.default.removeItem(at: expected)
        }
        #expect(!FileManager.default.fileExists(atPath: place.staging.path))
        let check = Process()
        check.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        check.arguments = ["sha256sum", "--check", "--quiet", "--strict", FileChecksums.name]
        check.currentDirectoryURL = place.destination
        try check.run()
        check.waitUntilExit()
        #expect(check.terminationStatus == 0)
        let listed = try String(
            contentsOf: place.destination.appendingPathComponent(FileChecksums.name), encoding: .utf8)
        #expect(listed.contains("  \(Self.unet)\n") && listed.contains("  tokenizer/merges.txt\n"))
    }

    @Test func modelsAreBroughtAndChecked() throws {
        var files = try tinyModel()
        files["unet/diffusion_pytorch_model.bin"] = Data("a pickle that is not wanted".utf8)
        files["README.md"] = Data("not needed".utf8)
        files["../../escape"] = Data("a path that leads outside".utf8)
        let hub = try TestHub(files)
        let place = try Place()
        var planned: ModelPull.Plan?
        var last = 0
        var checked = false
        let report = try place.pull(hub).run(
            replacing: false, planned: { planned = $0 },
            progress: { if case .downloading(let done, _) = $0 { last = done } },
            check: { folder in
                checked = true
                #expect(folder != place.destination)
                #expect(!FileManager.default.fileExists(atPath: place.destination.path))
            })
        #expect(checked && report?.overflows.isEmpty == true)
        #expect(planned?.commit == TestHub.commit && planned?.total == last && planned?.weights.count == 3)
        try expectComplete(place, files)
        #expect(!place.contents.contains { $0.hasSuffix("escape") || $0.hasSuffix("README.md") })
        #expect(PullSource.read(place.destination)?.commit == TestHub.commit)

        // The token goes to the hub and nowhere else.
        #expect(hub.server.requests.allSatisfy { $0.headers["authorization"] == "Bearer secret" })
        #expect(hub.storage.requests.count == 3)
        #expect(hub.storage.requests.allSatisfy { $0.headers["authorization"] == nil })

        // Once it is there nothing is downloaded again.
        let before = hub.storage.requests.count
        // What one leaves that was killed after the model had its place.
        try FileManager.default.createDirectory(at: place.staging, withIntermediateDirectories: false)
        try Data().write(to: place.staging.appendingPathComponent("lock"))
        #expect(try place.pull(hub).run(replacing: false) == nil)
        #expect(!FileManager.default.fileExists(atPath: place.staging.path))
        #expect(hub.storage.requests.count == before)
        #expect(
            words { _ = try place.pull(hub, precision: .float32).run(replacing: false) }.contains("--force replaces"))
        #expect(try place.pull(hub, precision: .float32).run(replacing: true) != nil)
        #expect(PullSource.read(place.destination)?.precision == "float32")
    }

    @Test func halfPrecisionSafetensorsComeFirst() throws {
        var files = try tinyModel()
        for part in ModelPart.allCases {
            let whole = "\(part.rawValue)/\(part.weightName).safetensors"
            files["\(part.rawValue)/\(part.weightName).fp16.safetensors"] = files[whole]
            files[whole] = Data("not wanted".utf8)
        }
        let hub = try TestHub(files)
        let place = try Place()
        _ = try place.pull(hub).run(replacing: false)
        #expect(hub.storage.requests.allSatisfy { $0.path.contains(".fp16.safetensors") })
        #expect(
            FileManager.default.fileExists(atPath: place.destination.appendingPathComponent(Self.unet).path))
    }

    @Test func shardsAreFollowed() throws {
        var files = try tinyModel()
        let whole = try #require(files[Self.unet])
        files[Self.unet] = nil
        files["unet/diffusion_pytorch_model-00001-of-00001.safetensors"] = whole
        let place = try Place()
        let copy = place.folder.appendingPathComponent("whole.safetensors")
        try whole.write(to: copy)
        var map: [String: String] = [:]
        for tensor in try readTensors(copy) { map[tensor.key] = "diffusion_pytorch_model-00001-of-00001.safetensors" }
        files["unet/diffusion_pytorch_model.safetensors.index.json"] = try JSONSerialization.data(
            withJSONObject: ["weight_map": map])
        _ = try place.pull(TestHub(files)).run(replacing: false)
        files[Self.unet] = whole
        try expectComplete(place, files)

        map[map.keys.sorted()[0]] = "../../secret.safetensors"
        files[Self.unet] = nil
        files["unet/diffusion_pytorch_model.safetensors.index.json"] = try JSONSerialization.data(
            withJSONObject: ["weight_map": map])
        let hostile = try Place()
        #expect(
            words { _ = try hostile.pull(TestHub(files)).run(replacing: false) }.contains("names a file that is not"))
    }

    /// At such names the decoder of Swift 6.0 ends the program.
    @Test(arguments: [[0xFF], Array(#"\ud800"#.utf8)])
    func namesThatAreNoTextAreRefused(name: [UInt8]) throws {
        let place = try Place()
        let member = Data("\"".utf8) + Data(name) + Data("\": 1}".utf8)
        try (Data("{".utf8) + member).write(to: place.folder.appendingPathComponent("source.json"))
        #expect(PullSource.read(place.folder) == nil)

        var files = try tinyModel()
        files[Self.unet] = nil
        let index = Data(#"{"weight_map": {"a": "b"}, "#.utf8) + member
        files["unet/diffusion_pytorch_model.safetensors.index.json"] = index
        #expect(words { _ = try place.pull(TestHub(files)).run(replacing: false) }.contains("is no index of weights"))
    }

    @Test func cutsAreContinuedWhereTheyHappened() throws {
        let files = try tinyModel()
        let size = try #require(files[Self.unet]?.count)
        let hub = try TestHub(
            files,
            storageAnswer: { path, count, answer in
                guard path == Self.unet, count < 3 else { return answer }
                var answer = answer
                answer.cutAfter = size / 5
                return answer
            })
        let place = try Place()
        let notes = Notes()
        _ = try place.pull(hub, notes: notes).run(replacing: false)
        try expectComplete(place, files)
        let requests = hub.storage.requests.filter { $0.path.hasPrefix("/\(Self.unet)") }
        #expect(requests.count == 4)
        #expect(notes.all.count == 3, "\(notes.all)")
        #expect(requests[0].headers["range"] == nil)
        for request in requests.dropFirst() {
            #expect(request.headers["range"].map { $0 != "bytes=0-" } == true)
            #expect(request.headers["if-range"] == "\"\(size)\"")
        }
    }

    @Test(arguments: ["wrong bytes", "other length", "other range", "416", "other version", "429", "503", "silence"])
    func faultsAreOvercome(_ fault: String) throws {
        let files = try tinyModel()
        let size = try #require(files[Self.unet]?.count)
        let hub = try TestHub(
            files,
            storageAnswer: { path, count, answer in
                guard path == Self.unet else { return answer }
                var answer = answer
                if count == 0 {
                    answer.cutAfter = size / 2
                    return answer
                }
                guard count == 1 else { return answer }
                switch fault {
                case "wrong bytes":
                    return .init(
                        206, headers: ["Content-Range": "bytes \(size / 2)-\(size - 1)/\(size)"],
                        body: Data(count: size - size / 2))
                case "other length":
                    return .init(
                        206, headers: ["Content-Range": "bytes \(size / 2)-\(size)/\(size + 1)"],
                        body: Data(count: size - size / 2 + 1))
                case "other range":
                    return .init(
                        206, headers: ["Content-Range": "bytes 0-\(size - 1)/\(size)"], body: Data(count: size))
                case "416": return .init(416)
                case "other version": return .init(200, headers: ["ETag": "\"new\""], body: files[path] ?? Data())
                case "429": return .init(429, headers: ["Retry-After": "0"])
                case "503": return .init(503)
                default: return nil
                }
            })
        let place = try Place()
        _ = try place.pull(hub).run(replacing: false)
        try expectComplete(place, files)
    }

    @Test func hopelessServersAreGivenUpAndNothingLooksComplete() throws {
        let files = try tinyModel()
        let cases: [(String, @Sendable (TestServer.Answer) -> TestServer.Answer?)] = [
            ("gave up on \(Self.unet)", { _ in .init(500) }),
            ("come back in 100000 seconds", { _ in .init(429, headers: ["Retry-After": "100000"]) }),
            ("come back in 1000000000 seconds", { _ in .init(429, headers: ["Retry-After": "1e300"]) }),
            (
                "where the hub lists",
                { _ in
                    .init(200, headers: ["Content-Length": "9223372036854775807"], body: Data(count: 100))
                }
            ),
            ("its checksum is", { _ in .init(200, body: Data(count: files[Self.unet]?.count ?? 0)) }),
            ("where the hub lists", { _ in .init(200, body: Data(count: 10)) }),
            ("where the hub lists", { _ in .init(200, body: Data(count: 10_000_000)) }),
            (
                "took too long",
                {
                    var answer = $0
                    answer.trickle = (1, 20_000)
                    return answer
                }
            ),
            ("org/model has no file \(Self.unet) any more", { _ in .init(404) }),
            ("forbidden (status 403)", { _ in .init(403) }),
            ("is gated", { _ in .init(403, headers: ["X-Error-Code": "GatedRepo"]) }),
        ]
        for (expected, misbehave) in cases {
            let hub = try TestHub(files, storageAnswer: { $0 == Self.unet ? misbehave($2) : $2 })
            let place = try Place()
            let message = words { _ = try place.pull(hub).run(replacing: false) }
            #expect(message.contains(expected), "\(message)")
            #expect(!FileManager.default.fileExists(atPath: place.destination.path))
            // The next run, of a better day, goes on.
            _ = try place.pull(TestHub(files)).run(replacing: false)
            try expectComplete(place, files)
        }
    }

    @Test func refusalsAreSentences() throws {
        let files = try tinyModel()
        let cases: [(Int, String?, String?, String)] = [
            (401, nil, nil, "no repository org/model; if it is private, set HF_TOKEN"),
            (401, nil, "secret", "does not accept the token"),
            (404, "RepoNotFound", "secret", "or your token may not see it"),
            (404, "RevisionNotFound", nil, "no revision 'main'"),
            (403, "GatedRepo", nil, "accept its conditions at"), (401, "GatedRepo", nil, "set HF_TOKEN"),
            (403, "GatedRepo", "secret", "your token has no access"),
        ]
        for (status, code, token, expected) in cases {
            let hub = try TestHub(
                files, answer: { _ in .init(status, headers: code.map { ["X-Error-Code": $0] } ?? [:]) })
            var environment = ["HF_ENDPOINT": hub.server.url]
            environment["HF_TOKEN"] = token
            let place = try Place()
            let message = words { _ = try place.pull(hub, environment: environment).run(replacing: false) }
            #expect(message.contains(expected), "\(message)")
            #expect(!message.contains("secret"))
        }
        #expect(
            words { _ = try Hub(environment: ["HF_HUB_OFFLINE": "1"], userAgent: "") }.contains("HF_HUB_OFFLINE"))
        #expect(words { _ = try Hub(environment: ["HF_ENDPOINT": "ftp://x"], userAgent: "") }.contains("ftp://x"))
        #expect(
            try Hub(environment: ["HF_ENDPOINT": "http://example.org", "HF_TOKEN": "secret"], userAgent: "").token
                == nil)
        #expect(words { _ = try Hub(environment: ["HF_TOKEN": "a\r\nX: b"], userAgent: "") }.contains("HF_TOKEN"))
        for name in ["", "/", "a/b/c", "../x", "a/..", "a b/c", "a/b@", "a/b@../c", "a/.git", "a//b", "a?b/c"] {
            #expect(words { _ = try HubName(name) }.contains("no name of a repository"), "\(name)")
        }
        #expect(try HubName("org/name@refs/pr/1").description == "org/name@refs-pr-1")
    }

    @Test func repositoriesOfAnotherKindAreRefusedBeforeTheirWeights() throws {
        for missing in ["model_index.json", "tokenizer/merges.txt", Self.unet, "vae/config.json"] {
            var files = try tinyModel()
            files[missing] = nil
            let hub = try TestHub(files)
            let place = try Place()
            let message = words { _ = try place.pull(hub).run(replacing: false) }
            #expect(message.contains(String(missing.prefix { $0 != "/" })), "\(message)")
            #expect(hub.storage.requests.isEmpty && place.contents.isEmpty)
        }
        let hub = try TestHub(
            tinyModel(), answer: { $0.path.hasPrefix("/api") ? .init(200, body: Data("[]".utf8)) : nil })
        let place = try Place()
        #expect(words { _ = try place.pull(hub).run(replacing: false) }.contains("makes no sense"))
        let entry = #"{"rfilename":"x","size":1,"blobId":"x"},"#
        let list = #"{"sha":"\#(TestHub.commit)","siblings":["# + String(repeating: entry, count: 100_001) + "0]}"
        let flood = try TestHub(
            tinyModel(), answer: { $0.path.hasPrefix("/api") ? .init(200, body: Data(list.utf8)) : nil })
        #expect(
            words { _ = try place.pull(flood).run(replacing: false) }.contains("more than 100000 files"))
    }

    /// A server that takes the connection and lets the handshake wait.
    @Test func serversThatDoNotAnswerAreTriedTwice() throws {
        let silent = try TestServer { _ in nil }
        let place = try Place()
        let notes = Notes()
        let environment = ["HF_ENDPOINT": silent.url.replacingOccurrences(of: "http:", with: "https:")]
        let hub = try TestHub(tinyModel())
        let message = words {
            _ = try place.pull(hub, environment: environment, connectSeconds: 1, notes: notes).run(replacing: false)
        }
        #expect(message.contains("gave up on the list of files") && message.contains("does not answer"), "\(message)")
        #expect(notes.all.count == 1, "\(notes.all)")
    }

    /// Nothing is left of a pull that ends before its weights, and no weight is asked for.
    @Test(arguments: ["index", "configured", "planned"])
    func refusedPullsLeaveNothing(stage: String) throws {
        struct Refusal: Error {}
        let hub = try TestHub(tinyModel())
        let place = try Place()
        func refuse(at name: String) throws { if name == stage { throw Refusal() } }
        #expect(throws: Refusal.self) {
            _ = try withExtendedLifetime(hub) {
                try place.pull(hub).pull.run(
                    replacing: false, index: { _ in try refuse(at: "index") },
                    configured: { folder in
                        #expect(FileManager.default.fileExists(atPath: folder.path + "/tokenizer/vocab.json"))
                        try refuse(at: "configured")
                    }, planned: { _ in try refuse(at: "planned") })
            }
        }
        #expect(hub.storage.requests.isEmpty && place.contents.isEmpty)
        if stage == "index" { #expect(hub.server.requests.count == 2) }
    }

    /// What the hub itself was seen to answer.
    @Test func forbiddenIsDistinguishedFromMissing() throws {
        let cases: [(headers: [String: String], body: String, token: String?, words: String)] = [
            (["X-Error-Message": "Access to this resource is disabled."], "", nil, "is disabled"),
            ([:], #"{"error": "Your token needs the permission repo.content.read."}"#, "secret", "fine-grained"),
            (
                [
                    "X-Error-Code": "GatedRepo",
                    "X-Error-Message": "Enable gated ones in your fine-grained token settings",
                ],
                "", "secret", "in your fine-grained token settings; the token may lack"
            ),
            (["X-Error-Code": "GatedRepo"], "", nil, "is gated: accept"), ([:], "", nil, "forbidden (status 403)"),
        ]
        for answer in cases {
            let hub = try TestHub(
                tinyModel(), answer: { _ in .init(403, headers: answer.headers, body: Data(answer.body.utf8)) })
            var environment = ["HF_ENDPOINT": hub.server.url, "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"]
            environment["HF_TOKEN"] = answer.token
            let message = words { _ = try Place().pull(hub, environment: environment).run(replacing: false) }
            #expect(message.contains(answer.words) && message.contains("org/model"), "\(message)")
        }
        let hub = try TestHub(tinyModel(), answer: { $0.path.hasSuffix("/unet/config.json") ? .init(404) : nil })
        #expect(words { _ = try Place().pull(hub).run(replacing: false) }.contains("no file unet/config.json"))
    }

    @Test(arguments: ["expired", "no range"])
    func storageThatForbidsIsAskedAgain(fault: String) throws {
        let files = try tinyModel()
        let hub = try TestHub(
            files,
            storageAnswer: { path, count, answer in
                guard path == Self.unet else { return answer }
                var answer = answer
                if count == 0 { answer.cutAfter = 5000 }
                let refuses = fault == "expired" ? count == 1 : (count == 1 || count == 2)
                return refuses ? .init(403, body: Data("Request has expired".utf8)) : answer
            })
        let place = try Place()
        let notes = Notes()
        _ = try place.pull(hub, notes: notes).run(replacing: false)
        try expectComplete(place, files)
        #expect(notes.all.contains { $0.contains("asking the hub again") }, "\(notes.all)")
    }

    @Test func limitsOfRequestsAreWaitedFor() throws {
        let files = try tinyModel()
        let asked = Mutex(0)
        let hub = try TestHub(
            files,
            answer: { request in
                guard request.path.hasPrefix("/api") else { return nil }
                let count = asked.withLock { count in
                    count += 1
                    return count
                }
                return count == 1 ? .init(429, headers: ["RateLimit": "\"api\";r=0;t=1"]) : nil
            })
        let place = try Place()
        let notes = Notes()
        let time = try ContinuousClock().measure { _ = try place.pull(hub, notes: notes).run(replacing: false) }
        #expect(time > .seconds(2) && notes.all.contains { $0.contains("going on in 2 s") }, "\(notes.all)")
        let patient = try TestHub(files, answer: { _ in .init(429, headers: ["RateLimit": "\"api\";r=0;t=3000"]) })
        #expect(words { _ = try Place().pull(patient).run(replacing: false) }.contains("for 3000 seconds"))
    }

    /// A renamed repository: the redirect has lost the query, and the list its sizes.
    @Test func renamedRepositoriesAreFollowed() throws {
        let files = try tinyModel()
        let bare = try JSONSerialization.data(
            withJSONObject: ["sha": TestHub.commit, "siblings": files.keys.map { ["rfilename": $0] }])
        let hub = try TestHub(
            files,
            answer: { request in
                if request.path.hasPrefix("/api/models/old/name/") {
                    return .init(307, headers: ["Location": "/api/models/org/model/revision/main"])
                }
                if request.path == "/api/models/org/model/revision/main" { return .init(200, body: bare) }
                guard request.path.hasPrefix("/old/name/") else { return nil }
                return .init(
                    307, headers: ["Location": request.path.replacingOccurrences(of: "/old/name/", with: "/org/model/")]
                )
            })
        let place = try Place()
        _ = try place.pull(hub, name: "old/name").run(replacing: false)
        try expectComplete(place, files)
    }

    @Test func tokensAreFoundWhereTheyAreKept() throws {
        let place = try Place()
        let (home, other) = (place.folder.path + "/home", place.folder.path + "/other")
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
        try Data("stored\n".utf8).write(to: URL(fileURLWithPath: home + "/token"))
        try Data(" elsewhere ".utf8).write(to: URL(fileURLWithPath: other))
        func token(_ environment: [String: String]) throws -> String? {
            try Hub(environment: ["HF_HOME": home].merging(environment) { $1 }, userAgent: "").token
        }
        #expect(try token([:]) == "stored")
        #expect(try token(["HF_TOKEN_PATH": other]) == "elsewhere")
        #expect(try token(["HUGGING_FACE_HUB_TOKEN": "b"]) == "b")
        #expect(try token(["HF_TOKEN": "a", "HUGGING_FACE_HUB_TOKEN": "b"]) == "a")
        #expect(try token(["HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"]) == nil)
        #expect(try token(["HF_HOME": "", "HOME": home]) == nil)
        #expect(try token(["HF_TOKEN_PATH": "/dev/zero"]) == nil)
    }

    @Test func smallFilesAreCheckedToo() throws {
        let hub = try TestHub(
            tinyModel(),
            listed: { path, entry in
                if path == "unet/config.json" { entry["blobId"] = String(repeating: "0", count: 40) }
            })
        let place = try Place()
        #expect(words { _ = try place.pull(hub).run(replacing: false) }.contains("unet/config.json is not what"))
        #expect(!FileManager.default.fileExists(atPath: place.destination.path))
    }

    /// What a killed run may leave between the files does not get into the model.
    @Test func leftoversOfKilledRunsAreRemoved() throws {
        let files = try tinyModel()
        let place = try Place()
        #expect(throws: CancellationError.self) {
            _ = try place.pull(TestHub(files)).run(replacing: false, check: { _ in throw CancellationError() })
        }
        for name in ["tokenizer/vocab.json.etag", "unet/.config.1.partial", "unet/.dat.nosync1", "other.txt"] {
            try Data("half".utf8).write(to: place.staging.appendingPathComponent("model/" + name))
        }
        let originals = place.folder.appendingPathComponent("originals/org/model")
        _ = try place.pull(TestHub(files), originals: originals).run(replacing: false)
        try expectComplete(place, files)
        for name in ["tokenizer/vocab.json.etag", "unet/.config.1.partial", "unet/.dat.nosync1", "other.txt"] {
            #expect(
                !FileManager.default.fileExists(atPath: place.destination.appendingPathComponent(name).path), "\(name)")
        }
    }

    @Test func originalsAreKeptWhenAsked() throws {
        let files = try tinyModel()
        let place = try Place()
        let originals = place.folder.appendingPathComponent("originals/org/model")
        _ = try place.pull(TestHub(files), originals: originals).run(replacing: false)
        #expect(
            try differences(Data(contentsOf: originals.appendingPathComponent(Self.unet)), files[Self.unet] ?? Data())
                == nil)
        try expectComplete(place, files)
    }

    @Test func onlyOnePullRunsAtATime() throws {
        let files = try tinyModel()
        let place = try Place()
        let hub = try TestHub(files)
        var message = ""
        _ = try place.pull(hub).run(
            replacing: false,
            planned: { _ in message = words { _ = try place.pull(hub).run(replacing: false) } })
        #expect(message.contains("another pull is at work"))
        try expectComplete(place, files)
    }

    @Test func digestsAreThoseOfGitAndCoreutils() {
        let git = Digest.gitBlob(size: 6)
        Array("hello\n".utf8).withUnsafeBytes { git.update($0) }
        #expect(git.finish() == "ce013625030ba8dba906f756967f9e9ca394464a")  // git hash-object
        let sum = Digest.sha256()
        Array("abc".utf8).withUnsafeBytes { sum.update($0) }
        // FIPS 180-2, appendix B.1
        #expect(sum.finish() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }
}
