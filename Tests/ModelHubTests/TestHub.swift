import Foundation
import Synchronization
import TestSupport

import ModelHub

/// A hub of one repository, `org/model`, that redirects large files to a second host, as the real one does.
final class TestHub: Sendable {
    static let commit = "0123456789abcdef0123456789abcdef01234567"

    let server: TestServer
    /// Where large files are.
    let storage: TestServer
    private let files: Mutex<[String: Data]>

    /// - Parameters:
    ///   - listed: changes what the list of files says, such as a sum.
    ///   - storageAnswer: what the second host does with the request of that number (from 0) for a path; nil: as it should.
    ///   - answer: the same for the first host.
    init(
        _ files: [String: Data],
        listed: @escaping @Sendable (_ path: String, _ entry: inout [String: Any]) -> Void = { _, _ in },
        storageAnswer: @escaping @Sendable (String, Int, TestServer.Answer) -> TestServer.Answer? = { $2 },
        answer: @escaping @Sendable (TestServer.Request) -> TestServer.Answer? = { _ in nil }
    ) throws {
        let counts = Mutex<[String: Int]>([:])
        let list = try Self.list(files, listed)
        let storage = try TestServer { request in
            let path = String(request.path.dropFirst().prefix { $0 != "?" })
            guard let data = files[path] else { return .init(404) }
            let count = counts.withLock { counts in
                defer { counts[path, default: 0] += 1 }
                return counts[path, default: 0]
            }
            return storageAnswer(path, count, .file(data, etag: "\"\(data.count)\"", for: request))
        }
        let storageURL = "http://localhost:\(storage.port)"
        self.storage = storage
        server = try TestServer { request in
            if let special = answer(request) { return special }
            if request.path == "/api/models/org/model/revision/main?blobs=true" { return .init(200, body: list) }
            let prefix = "/org/model/resolve/\(Self.commit)/"
            let path = String(request.path.dropFirst(prefix.count))
            guard request.path.hasPrefix(prefix), let data = files[path] else {
                return .init(404, headers: ["X-Error-Code": "EntryNotFound"])
            }
            guard Self.isLarge(path) else { return .file(data, etag: "\"small\"", for: request) }
            return .init(302, headers: ["Location": "\(storageURL)/\(path)?signature=1"])
        }
        self.files = Mutex(files)
    }

    var environment: [String: String] { ["HF_ENDPOINT": server.url + "/", "HF_TOKEN": "secret"] }

    static func isLarge(_ path: String) -> Bool { path.hasSuffix(".safetensors") || path.hasSuffix(".bin") }

    private static func list(_ files: [String: Data], _ change: (String, inout [String: Any]) -> Void) throws -> Data {
        let siblings = files.sorted { $0.key < $1.key }.map { path, data in
            let blob = Digest.gitBlob(size: data.count)
            let sum = Digest.sha256()
            data.withUnsafeBytes {
                blob.update($0)
                sum.update($0)
            }
            var entry: [String: Any] = ["rfilename": path, "size": data.count, "blobId": blob.finish()]
            if isLarge(path) { entry["lfs"] = ["sha256": sum.finish(), "size": data.count, "pointerSize": 134] }
            change(path, &entry)
            return entry
        }
        return try JSONSerialization.data(withJSONObject: ["sha": commit, "siblings": siblings])
    }
}

/// The files of this repository's tiny model in diffusers' layout, by path.
func tinyModel() throws -> [String: Data] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../StableDiffusionTests/Fixtures/tiny-sd").standardizedFileURL
    let paths = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
    var files: [String: Data] = [:]
    for path in paths where !path.contains("golden") {
        files[path] = try? Data(contentsOf: folder.appendingPathComponent(path))
    }
    return files
}
