import Checkpoints
import Foundation
import HTTPClient

/// Brings one file of weights from a hub or any server, and gives it its place: a model is converted into a folder, anything
/// else is kept as it is.
///
/// As with `ModelPull` everything happens in a hidden folder beside the destination, and a pull that ends early is continued by
/// the next. A hub's file is checked against the checksum that the hub lists; another server's has to be of the size,
/// and while a download is continued of the ETag, that the server sends.
public struct FilePull {
    /// What becomes of the file.
    public enum Placement {
        /// It goes to this place.
        case kept(URL)
        /// The closure makes a model's folder of it, at a place that is free.
        case converted((_ folder: URL) throws -> Void)
    }

    private let file: RemoteFile
    private let hub: Hub
    private let precision: WeightPrecision
    private let retry: Retry
    private let client: HTTPClient

    /// - Parameters:
    ///   - hub: where a repository's file is, and how the program names itself.
    ///   - precision: of a model that is converted.
    ///   - retry: how often something is tried again.
    public init(_ file: RemoteFile, from hub: Hub, precision: WeightPrecision, retry: Retry = Retry()) {
        (self.file, self.hub, self.precision, self.retry) = (file, hub, precision, retry)
        client = hub.client()
    }

    /// Pulls the file.
    ///
    /// - Parameters:
    ///   - destination: the folder that a model becomes.
    ///   - originals: the folder that the file of a converted model is kept in, nil to remove it.
    ///   - replacing: whether a model that is there is replaced; else nothing is done for the same version.
    ///   - planned: called with the file's size; what it throws ends the pull, and leaves nothing that was not there before.
    ///   - progress: called with the bytes that are here; what it throws ends the pull.
    ///   - place: called with the file; decides what becomes of it. What it throws ends the pull; if it is a `CheckpointError`
    ///     the file is of no use and goes.
    /// - Returns: where it is; nil when this version of a model was there.
    /// - Throws: `HubError`, `CheckpointError`, and what the closures throw.
    public func run(
        destination: URL, originals: URL? = nil, replacing: Bool, planned: (_ bytes: Int) throws -> Void = { _ in },
        progress: (Int) throws -> Void = { _ in }, place: (URL) throws -> Placement
    ) throws -> URL? {
        let found = try find()
        let source = PullSource(
            repository: file.description, commit: found.version ?? "", precision: precision.rawValue)
        if FileManager.default.fileExists(atPath: destination.path), !replacing {
            guard found.version != nil, PullSource.read(destination) == source else {
                throw HubError.installed(folder: destination.path, revision: nil)
            }
            return nil
        }
        let staging = try PullStaging(beside: destination, for: source)
        let original = try staging.original(file.name)
        let download = FileDownload(file: found.file, url: found.url, token: found.token, destination: original)
        do {
            try planned(found.file.size)
            try staging.requireSpace(found.file.size - staging.bytesPresent)
        } catch {
            staging.removeIfNew()
            throw error
        }
        try download.run(by: client, retry: retry, sentence: found.sentence, progress: progress)
        do {
            switch try place(original) {
            case .kept(let target):
                try staging.commit(file: original, to: target, replacing: replacing)
                return target
            case .converted(let convert):
                staging.clean([])
                try convert(staging.model)
                try source.write(to: staging.model(PullSource.name))
                try FileChecksums.write(for: staging.model)
                try staging.commit(
                    to: destination, originals: originals.map { ($0, [original.lastPathComponent]) })
                return destination
            }
        } catch let error as CheckpointError {
            staging.remove()
            throw error
        }
    }

    // MARK: - Where it is

    private struct Found {
        let file: HubListing.File
        let url: String
        let token: String?
        /// Tells versions apart; nil if the server does not.
        let version: String?
        let sentence: (HTTPError) -> HubError
    }

    private func find() throws -> Found {
        switch file.place {
        case .hub(let name, let path):
            let listing = try hub.listing(of: name, by: client, retry: retry)
            guard let entry = listing.files[path] else {
                let near = nearNames(to: path, among: Array(listing.files.keys)).first
                throw HubError.notThisKind(
                    repository: name.repository,
                    reason: "it has no file \(path)" + (near.map { "; did you mean \($0)?" } ?? ""))
            }
            return Found(
                file: entry, url: hub.url(of: path, in: name, commit: listing.commit), token: hub.token,
                version: listing.commit, sentence: { hub.sentence($0, for: name, file: path) })
        case .web(let address): return try find(at: address)
        }
    }

    /// Asks for the first byte, to see how many there are.
    private func find(at address: WebAddress) throws -> Found {
        struct Seen: Error {
            let response: HTTPResponse
        }
        let token = hub.isOrigin(of: address) ? hub.token : nil
        var attempts = retry.start(for: file.name)
        while true {
            do {
                try client.get(
                    address.string, headers: ["Range: bytes=0-0"], token: token,
                    accept: { throw Seen(response: $0) }, receive: { _ in })
            } catch let seen as Seen {
                let (response, etag) = (seen.response, seen.response["etag"])
                let isPacked = response["content-encoding"] != nil
                let size = response.status == 206 ? response.contentRange?.whole : response.contentLength
                guard let size, !isPacked, HubListing.sizes.contains(size) else {
                    throw HubError.notThisKind(
                        repository: address.display, reason: "the server does not say how many bytes it has")
                }
                return Found(
                    file: HubListing.File(path: file.name, size: size, sha256: nil, gitHash: nil), url: address.string,
                    token: token, version: etag, sentence: { .network($0) })
            } catch let error as HTTPError {
                try attempts.pauseOrThrow(after: error, .network(error))
            }
        }
    }
}
