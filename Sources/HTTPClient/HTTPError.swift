/// Why a request brought nothing; each prints as a part of a sentence that names the host.
public enum HTTPError: Error, CustomStringConvertible {
    /// The text is no http or https URL.
    case badAddress(String)
    /// The server answered with another status than success; with the first bytes of its body.
    case status(HTTPResponse, body: String)
    /// The host's name leads to no address.
    case noHost(WebAddress)
    /// The connection could not be made.
    case noConnection(WebAddress, reason: String)
    /// The connection, or its encryption, was not made in time.
    case noAnswer(WebAddress, reason: String)
    /// The certificate is not accepted, or encryption could not be agreed on.
    case notTrusted(WebAddress, reason: String)
    /// Too slow for too long, or not done in the time given.
    case timedOut(WebAddress, reason: String)
    /// The connection ended before the body did.
    case cut(WebAddress, reason: String)
    /// The body is longer than `limit` bytes.
    case tooLarge(WebAddress, limit: Int)
    /// More than ten redirects in a row.
    case tooManyRedirects(WebAddress)
    /// A redirect leads from https to http, or to no http address at all.
    case badRedirect(WebAddress, to: String)
    /// Anything else that libcurl reports.
    case failed(WebAddress, reason: String)

    /// A part of a sentence, such as "the host of example.org is not known; is there a network?".
    public var description: String {
        switch self {
        case .badAddress(let text): "\(text) is no http or https address"
        case .status(let response, _):
            "\(response.address.display) answered with status \(response.status)\(Self.phrase(response.status))"
        case .noHost(let address): "the host of \(address.display) is not known; is there a network?"
        case .noConnection(let address, let reason): "no connection to \(address.display): \(reason)"
        case .noAnswer(let address, let reason): "\(address.display) does not answer: \(reason)"
        case .notTrusted(let address, let reason): "\(address.display) cannot be trusted: \(reason)"
        case .timedOut(let address, let reason): "\(address.display) took too long: \(reason)"
        case .cut(let address, let reason): "the connection to \(address.display) broke: \(reason)"
        case .tooLarge(let address, let limit): "\(address.display) sends more than \(limit) bytes"
        case .tooManyRedirects(let address): "\(address.display) redirects without end"
        case .badRedirect(let address, let target): "\(address.display) redirects to \(target), which is not followed"
        case .failed(let address, let reason): "\(address.display): \(reason)"
        }
    }

    /// In parentheses what a status means; empty for the rarer ones.
    private static func phrase(_ status: Int) -> String {
        switch status {
        case 401: " (not authorized)"
        case 403: " (forbidden)"
        case 404: " (not found)"
        case 410: " (gone)"
        case 429: " (too many requests)"
        case 500...: " (the server's fault)"
        default: ""
        }
    }

    /// Whether the same request may well succeed a little later.
    public var isTransient: Bool {
        switch self {
        case .status(let response, _): [408, 425, 429].contains(response.status) || response.status >= 500
        case .noHost, .noConnection, .noAnswer, .timedOut, .cut: true
        case .badAddress, .notTrusted, .tooLarge, .tooManyRedirects, .badRedirect, .failed: false
        }
    }
}
