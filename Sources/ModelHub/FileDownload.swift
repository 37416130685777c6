import Files
import Foundation
import HTTPClient

/// Brings one file of known size and checksum to the disk, over any number of interruptions.
///
/// Bytes gather in `NAME.partial`, which becomes `NAME` only when its size and checksum are right: whatever ends the
/// program, the next run goes on where this one stopped. `NAME.etag` keeps the ETag of the version that the bytes are
/// of.
struct FileDownload {
    /// A file that brings less than this between two failures gets nowhere.
    private static let progressStep = 1 << 20

    let file: HubListing.File
    let url: String
    let token: String?
    let destination: URL
    private var partial: URL { destination.appendingPathExtension("partial") }
    private var etagFile: URL { destination.appendingPathExtension("etag") }

    /// What ended an attempt although the server was willing.
    private enum Mismatch: Error {
        /// The bytes gathered do not go together with what the server has.
        case startAgain(String)
        case tooLong
    }

    /// Bytes that need not be downloaded any more.
    var bytesPresent: Int {
        if isComplete { return file.size }
        return min(Self.size(of: partial) ?? 0, file.size)
    }

    /// A file gets its name only after its checksum was verified.
    private var isComplete: Bool { Self.size(of: destination) == file.size }

    /// - Parameter progress: called with the number of bytes present; what it throws ends the download.
    /// - Throws: `HubError`.
    func run(
        by client: HTTPClient, retry: Retry, sentence: (HTTPError) -> HubError, progress: (Int) throws -> Void
    ) throws {
        if isComplete { return try progress(file.size) }
        var attempts = retry.start(for: file.path)
        var wrongSums = 0
        var refusals = 0
        while true {
            let before = bytesPresent
            do {
                let checksum = try attempt(client, progress)
                if file.digest.expected.map({ $0 == checksum }) ?? true { return try finish() }
                discard()
                wrongSums += 1
                guard wrongSums < 2 else {
                    throw HubError.wrongContent(file: file.path, reason: "its checksum is \(checksum), twice")
                }
                retry.note("\(file.path) arrived damaged; downloading it again")
            } catch let error as HTTPError {
                if case .status(let response, _) = error, response.status == 416, before > 0 {
                    discard()
                    retry.note("\(file.path) cannot be continued; downloading it again")
                    continue
                }
                // The store that the hub sends us to forbids: its address has expired, or it takes no ranges. A new request
                // to the hub brings a new address.
                if case .status(let response, _) = error, response.status == 403, isElsewhere(response), refusals < 3 {
                    refusals += 1
                    if before > 0, refusals > 1 { discard() }
                    retry.note(
                        "\(file.path): \(response.address.display) refuses (status 403); asking the hub again"
                            + (before > 0 && refusals > 1 ? ", from the start" : ""))
                    continue
                }
                if bytesPresent - before >= Self.progressStep { attempts.progressed() }
                try attempts.pauseOrThrow(after: error, sentence(error))
            } catch Mismatch.startAgain(let reason) {
                discard()
                wrongSums += 1
                guard wrongSums < 3 else { throw HubError.wrongContent(file: file.path, reason: reason) }
                retry.note("\(file.path): \(reason); downloading it again")
            } catch Mismatch.tooLong {
                discard()
                throw HubError.wrongContent(file: file.path, reason: "it is longer than \(file.size) bytes")
            }
        }
    }

    /// Whether an answer comes from another host than the one that was asked.
    private func isElsewhere(_ response: HTTPResponse) -> Bool {
        WebAddress(url).map { !$0.hasOrigin(of: response.address) } ?? false
    }

    /// Gathers what is missing in one request; returns the checksum of the whole.
    private func attempt(_ client: HTTPClient, _ progress: (Int) throws -> Void) throws -> String {
        let descriptor = open(partial.path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666)
        guard descriptor >= 0 else { throw HubError.disk("\(partial.path): \(systemMessage())") }
        defer { close(descriptor) }
        var present = bytesPresent
        if present < Self.size(of: partial) ?? 0 { present = 0 }  // longer than the file should be
        // Without a checksum, only the server's ETag shows that the rest is of the same version.
        if file.digest.expected == nil, Self.size(of: etagFile) == nil { present = 0 }
        guard ftruncate(descriptor, off_t(present)) == 0 else {
            throw HubError.disk("\(partial.path): \(systemMessage())")
        }
        var digest = file.digest.running
        try digest.update(contentsOf: descriptor)
        guard lseek(descriptor, off_t(present), SEEK_SET) == off_t(present) else {
            throw HubError.disk("\(partial.path): \(systemMessage())")
        }
        try progress(present)

        if present < file.size || file.size == 0 {
            var headers: [String] = []
            if present > 0 {
                headers.append("Range: bytes=\(present)-")
                let version = try? RegularFile.contents(of: etagFile.path, limit: 1000)
                if let version, !version.isEmpty {
                    headers.append("If-Range: \(String(decoding: version, as: UTF8.self))")
                }
            }
            try client.get(
                url, headers: headers, token: token,
                accept: { response in
                    if response.status == 206 {
                        guard let range = response.contentRange, range.start == present,
                            range.whole.map({ $0 == file.size }) ?? true
                        else { throw Mismatch.startAgain("the server sends another range than asked for") }
                    } else {
                        // The whole file: another version, or a server without ranges.
                        guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
                            throw HubError.disk("\(partial.path): \(systemMessage())")
                        }
                        present = 0
                        digest = file.digest.running
                        try keepMark(response["etag"])
                    }
                    // The length of a packed body is another, and only its end shows whether it is whole.
                    if response["content-encoding"] == nil, let length = response.contentLength,
                        length != file.size - present
                    {
                        throw Mismatch.startAgain(
                            "the server sends \(length) bytes where the hub lists \(file.size - present)")
                    }
                },
                receive: { piece in
                    guard piece.count <= file.size - present else { throw Mismatch.tooLong }
                    try Self.write(piece, to: descriptor, name: partial.path)
                    digest.update(piece)
                    present += piece.count
                    try progress(present)
                })
            guard present == file.size else {
                // A server that does not send the length may stop at any byte.
                guard let address = WebAddress(url) else { throw HTTPError.badAddress(url) }
                throw HTTPError.cut(address, reason: "\(present) of \(file.size) bytes came")
            }
        }
        guard fsync(descriptor) == 0 else { throw HubError.disk("\(partial.path): \(systemMessage())") }
        return digest.finish()
    }

    /// A weak ETag must not be used with ranges.
    private func keepMark(_ etag: String?) throws {
        try? FileManager.default.removeItem(at: etagFile)
        guard let etag, etag.hasPrefix("\""), etag.hasSuffix("\""), etag.utf8.count < 1000 else { return }
        try writeAtomically(Data(etag.utf8), to: etagFile)
    }

    private func finish() throws {
        guard rename(partial.path, destination.path) == 0 else {
            throw HubError.disk("\(destination.path): \(systemMessage())")
        }
        try? FileManager.default.removeItem(at: etagFile)
    }

    private func discard() {
        try? FileManager.default.removeItem(at: partial)
        try? FileManager.default.removeItem(at: etagFile)
    }

    private static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, name: String) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if written < 0 {
                if errno == EINTR { continue }
                throw HubError.disk("\(name): \(systemMessage())")
            }
            rest = rest.dropFirst(written)
        }
    }

    private static func size(of file: URL) -> Int? {
        var status = stat()
        guard stat(file.path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int(status.st_size)
    }
}
