import Files
import Foundation
import HTTPClient

/// A Hugging Face hub: where it is, and what it is asked with.
public struct Hub: Sendable {
    /// The hub that is asked when `HF_ENDPOINT` names no other.
    public static let defaultEndpoint = "https://huggingface.co"
    private static let listingLimit = 64 << 20

    /// Without a slash at its end.
    let endpoint: String
    package let token: String?
    /// What to say of an endpoint that others can listen to and change; nil for one that is encrypted or this machine's.
    public let warning: String?
    private let userAgent: String
    private let timeouts: HTTPClient.Timeouts

    /// - Parameters:
    ///   - environment: `HF_ENDPOINT`, `HF_HUB_OFFLINE`, `HF_HUB_DOWNLOAD_TIMEOUT` and the places of a token are read. The
    ///     token goes to an encrypted endpoint or to this machine, and nowhere else.
    ///   - userAgent: how the program names itself, such as `cartoonize/1.0`.
    ///   - timeouts: when to give a server up.
    /// - Throws: `HubError.offline` or `.badEndpoint`.
    public init(
        environment: [String: String], userAgent: String, timeouts: HTTPClient.Timeouts = HTTPClient.Timeouts()
    ) throws(HubError) {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        if let offline = value("HF_HUB_OFFLINE"), ["1", "ON", "YES", "TRUE"].contains(offline.uppercased()) {
            throw .offline
        }
        var endpoint = value("HF_ENDPOINT") ?? Self.defaultEndpoint
        while endpoint.hasSuffix("/") { endpoint.removeLast() }
        guard let address = WebAddress(endpoint) else { throw .badEndpoint(WebAddress.redacted(endpoint)) }
        let token = Self.token(value)
        // A line end inside would add headers of its own.
        if let token, token.contains(where: { $0.isNewline || $0.isWhitespace }) { throw .badToken }
        self.endpoint = endpoint
        warning =
            address.isEncrypted || address.isLoopback
            ? nil
            : "HF_ENDPOINT is plain http: others can read and change what comes from \(address.display)"
                + (token == nil ? "" : ", so the token is not sent")
        self.token = address.isEncrypted || address.isLoopback ? token : nil
        self.userAgent = userAgent
        var timeouts = timeouts
        if let seconds = value("HF_HUB_DOWNLOAD_TIMEOUT").flatMap({ Double($0) }), (1...86_400).contains(seconds) {
            timeouts.stallSeconds = Int(seconds.rounded(.up))
        }
        self.timeouts = timeouts
    }

    /// The token, from where the hub's own programs look for it: two variables, then the file that logging in writes.
    private static func token(_ value: (String) -> String?) -> String? {
        let isOff = ["1", "ON", "YES", "TRUE"].contains(value("HF_HUB_DISABLE_IMPLICIT_TOKEN")?.uppercased() ?? "")
        let text: String?
        if let given = value("HF_TOKEN") ?? value("HUGGING_FACE_HUB_TOKEN") {
            text = given
        } else if isOff {
            text = nil
        } else {
            let cache = value("XDG_CACHE_HOME") ?? value("HOME").map { "\($0)/.cache" }
            let home = value("HF_HOME") ?? cache.map { "\($0)/huggingface" }
            let path = value("HF_TOKEN_PATH") ?? home.map { "\($0)/token" }
            text = path.flatMap { try? RegularFile.contents(of: $0, limit: 4096) }
                .map { String(decoding: $0, as: UTF8.self) }
        }
        return text.map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Whether an address is one of this hub.
    func isOrigin(of address: WebAddress) -> Bool {
        WebAddress(endpoint)?.hasOrigin(of: address) ?? false
    }

    func client() -> HTTPClient { HTTPClient(userAgent: userAgent, timeouts: timeouts) }

    func listing(of name: HubName, by client: HTTPClient, retry: Retry) throws -> HubListing {
        let revision = name.revision.split(separator: "/").joined(separator: "%2F")
        var url = "\(endpoint)/api/models/\(name.repository)/revision/\(revision)?blobs=true"
        var retrying = retry.start(for: "the list of files")
        var isRenamed = false
        while true {
            do {
                var address: WebAddress?
                let data = try client.data(
                    from: url, limit: Self.listingLimit, seconds: 120, token: token,
                    inspect: { response, _ in address = response.address })
                let listing = try HubListing(data)
                // The redirect of a renamed repository may drop the query, and with it the sizes and checksums.
                guard listing.files.isEmpty, listing.listsWithoutSizes, !isRenamed, let address,
                    address.string != url, !address.string.contains("blobs=")
                else { return listing }
                isRenamed = true
                url = address.string + (address.string.contains("?") ? "&" : "?") + "blobs=true"
            } catch let error as HTTPError {
                try retrying.pauseOrThrow(after: error, sentence(error, for: name))
            }
        }
    }

    func url(of path: String, in name: HubName, commit: String) -> String {
        "\(endpoint)/\(name.repository)/resolve/\(commit)/\(path)"
    }

    /// What an error of the network means for somebody who wants this repository, or this file of it.
    func sentence(_ error: HTTPError, for name: HubName, file: String? = nil) -> HubError {
        guard case .status(let response, let body) = error else { return .network(error) }
        let page = "\(WebAddress.redacted(endpoint))/\(name.repository)"
        let reason = Self.reason(response, body)
        switch (response.status, response["x-error-code"]) {
        case (_, "GatedRepo"?) where reason?.contains("fine-grained") != true:
            return .gated(name.repository, page: page, hasToken: token != nil)
        case (403, _):
            let reason = reason ?? "forbidden (status 403)"
            return .forbidden(name.repository, reason: reason, page: page, hasToken: token != nil)
        case (404, "RevisionNotFound"?): return .noRevision(name.revision, repository: name.repository)
        case (404, "EntryNotFound"?): return .noFile(file ?? "of that name", repository: name.repository)
        case (404, _) where file != nil: return .noFile(file ?? "", repository: name.repository)
        case (401, "RepoNotFound"?), (404, _): return .noRepository(name.repository, hasToken: token != nil)
        case (401, _): return token == nil ? .noRepository(name.repository, hasToken: false) : .badToken
        default: return .network(error)
        }
    }

    /// The hub's own words: a header, or the member `error` of the body.
    private static func reason(_ response: HTTPResponse, _ body: String) -> String? {
        struct Answer: Decodable {
            let error: String
        }
        let text =
            response["x-error-message"] ?? (try? JSONDecoder().decode(Answer.self, checking: [UInt8](body.utf8)))?.error
        let line = text?.split(whereSeparator: \.isNewline).joined(separator: " ").prefix(300)
        return line.flatMap { $0.isEmpty ? nil : String($0).trimmingSuffix(".") }
    }
}

extension String {
    fileprivate func trimmingSuffix(_ suffix: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
    }
}
