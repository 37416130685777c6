import HTTPClient

/// Why a model was not pulled; each prints as one sentence a user can act on.
public enum HubError: Error, CustomStringConvertible {
    /// `HF_HUB_OFFLINE` is set.
    case offline
    /// The text is no `org/name` or `org/name@revision`.
    case badName(String)
    /// `HF_ENDPOINT` is no http or https address.
    case badEndpoint(String)
    /// The hub has no such repository, or does not show it without a token that may see it.
    case noRepository(String, hasToken: Bool)
    /// The repository has no such branch, tag or commit.
    case noRevision(String, repository: String)
    /// The repository's conditions have to be accepted at `page` first.
    case gated(String, page: String, hasToken: Bool)
    /// The hub forbids it for a reason of its own; `reason` is the hub's sentence.
    case forbidden(String, reason: String, page: String, hasToken: Bool)
    /// The repository is there and a file of it is not.
    case noFile(String, repository: String)
    /// The hub does not accept the token.
    case badToken
    /// The hub answered with something that is not what it documents.
    case badAnswer(String)
    /// The repository holds no model that can be used.
    case notThisKind(repository: String, reason: String)
    /// The repository lists more files than any model has.
    case tooManyFiles(limit: Int)
    /// A request failed.
    case network(HTTPError)
    /// The same answer too often.
    case gaveUp(file: String, reason: String)
    /// A file's size or checksum is not what the hub lists.
    case wrongContent(file: String, reason: String)
    /// The disk has too little room, in bytes.
    case noSpace(needed: Int, free: Int, folder: String)
    /// Something could not be written.
    case disk(String)
    /// A file that is there, or should be, cannot be read.
    case unreadable(file: String, reason: String)
    /// A file of this library's own beside the model makes no sense.
    case damaged(String)
    /// Another process pulls the same model.
    case busy(String)
    /// The model is there, of another revision or precision, and is not to be replaced.
    case installed(folder: String, revision: String?)

    /// Whether the sentence tells that what was downloaded is kept.
    var saysWhatIsKept: Bool { if case .gaveUp = self { true } else { false } }

    /// One sentence for the user, with what can be done where something can.
    public var description: String {
        switch self {
        case .offline: "HF_HUB_OFFLINE is set, so nothing is downloaded"
        case .badName(let name):
            "'\(name)' is no name of a repository; it should look like instruction-tuning-sd/cartoonizer, with an "
                + "optional @revision, or be a file of one (org/name/file.safetensors) or an https address"
        case .badEndpoint(let text): "HF_ENDPOINT is '\(text)', which is no http or https address"
        case .noRepository(let name, let hasToken):
            "the hub has no repository \(name)"
                + (hasToken ? ", or your token may not see it" : "; if it is private, set HF_TOKEN")
        case .noRevision(let revision, let repository): "\(repository) has no revision '\(revision)'"
        case .gated(let name, let page, let hasToken):
            hasToken
                ? "\(name) is gated and your token has no access: ask for it at \(page)"
                : "\(name) is gated: accept its conditions at \(page), then set HF_TOKEN to a token of your account"
        case .forbidden(let name, let reason, let page, let hasToken):
            "the hub refuses \(name): \(reason)"
                + (reason.lowercased().contains("disabled")
                    ? ""
                    : hasToken
                        ? "; the token may lack the permission to read it (a fine-grained token needs this "
                            + "repository, or gated ones, ticked), see \(page)"
                        : "; if it asks for conditions, accept them at \(page) and set HF_TOKEN")
        case .noFile(let file, let repository):
            "\(repository) has no file \(file) any more: the hub lists it and does not give it"
        case .badToken: "the hub does not accept the token (HF_TOKEN, or the one that 'hf auth login' stored)"
        case .badAnswer(let reason): "the hub's answer makes no sense: \(reason)"
        case .notThisKind(let repository, let reason): "\(repository) cannot be used: \(reason)"
        case .tooManyFiles(let limit): "the repository lists more than \(limit) files, which no model has"
        case .network(let error): "\(error)"
        case .gaveUp(let file, let reason):
            "gave up on \(file): \(reason); what is there is kept, and the same command continues from it"
        case .wrongContent(let file, let reason): "\(file) is not what the hub lists: \(reason)"
        case .noSpace(let needed, let free, let folder):
            "\(needed) bytes of disk are needed in \(folder), and \(free) are free"
        case .disk(let reason): "cannot write: \(reason)"
        case .unreadable(let file, let reason): "\(file) cannot be read: \(reason)"
        case .damaged(let file): "\(file) is damaged"
        case .busy(let folder): "another pull is at work in \(folder)"
        case .installed(let folder, let revision):
            "\(folder) exists already" + (revision.map { " (revision \($0.prefix(12)))" } ?? "")
                + "; --force replaces it"
        }
    }
}
