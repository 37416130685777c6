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
    private let patience: HTTPClient.Patience

    /// - Parameters:
    ///   - environment: `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE` are read. The token goes to an encrypted
    ///     endpoint or to this machine, and nowhere else.
    ///   - userAgent: how the program names itself, such as `cartoonize/1.0`.
    ///   - patience: when to give a server up.
    /// - Throws: `HubError.offline` or `.badEndpoint`.
    public init(
        environment: [String: String], userAgent: String, patience: HTTPClient.Patience = HTTPClient.Patience()
    ) throws(HubError) {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        if let offline = value("HF_HUB_OFFLINE"), ["1", "ON", "YES", "TRUE"].contains(offline.uppercased()) {
            throw .offline
        }
        var endpoint = value("HF_ENDPOINT") ?? Self.defaultEndpoint
        while endpoint.hasSuffix("/") { endpoint.removeLast() }
        guard let address = WebAddress(endpoint) else { throw .badEndpoint(WebAddress.redacted(endpoint)) }
        let token = value("HF_TOKEN")?.trimmingCharacters(in: .whitespacesAndNewlines)
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
        self.patience = patience
    }

    func client() -> HTTPClient { HTTPClient(userAgent: userAgent, patience: patience) }

    func listing(of name: HubName, by client: HTTPClient, retry: Retry) throws -> HubListing {
        let revision = name.revision.split(separator: "/").joined(separator: "%2F")
        let url = "\(endpoint)/api/models/\(name.repository)/revision/\(revision)?blobs=true"
        var retrying = retry.start(for: "the list of files")
        while true {
            do {
                return try HubListing(client.data(from: url, limit: Self.listingLimit, seconds: 120, token: token))
            } catch let error as HTTPError {
                try retrying.pauseOrThrow(after: error, sentence(error, for: name))
            }
        }
    }

    func url(of path: String, in name: HubName, commit: String) -> String {
        "\(endpoint)/\(name.repository)/resolve/\(commit)/\(path)"
    }

    /// What an error of the network means for somebody who wants this repository.
    func sentence(_ error: HTTPError, for name: HubName) -> HubError {
        guard case .status(let response, _) = error else { return .network(error) }
        switch (response.status, response["x-error-code"]) {
        case (_, "GatedRepo"?), (403, _):
            return .gated(
                name.repository, page: "\(WebAddress.redacted(endpoint))/\(name.repository)", hasToken: token != nil)
        case (404, "RevisionNotFound"?): return .noRevision(name.revision, repository: name.repository)
        case (401, "RepoNotFound"?), (404, _): return .noRepository(name.repository, hasToken: token != nil)
        case (401, _): return token == nil ? .noRepository(name.repository, hasToken: false) : .badToken
        default: return .network(error)
        }
    }
}
