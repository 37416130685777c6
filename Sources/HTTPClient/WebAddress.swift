import CHTTP
import Foundation

/// An http or https URL, split as the requests themselves understand it, so that no second reading of a strange URL can
/// send anything to another host than the one that was checked.
public struct WebAddress: Sendable, Equatable {
    /// The whole URL, special characters escaped.
    public let string: String
    /// Whether the scheme is https.
    public let isEncrypted: Bool
    /// Scheme, host and port: what a secret belongs to.
    let origin: String
    /// The path, escaped, with its first slash.
    public let path: String
    /// Host and path, without user, password and query, which may be secrets: for messages.
    public let display: String
    /// Whether the host is this machine.
    public let isLoopback: Bool

    /// Whether both have one scheme, host and port.
    public func hasOrigin(of other: WebAddress) -> Bool { origin == other.origin }

    /// nil unless `text` is a sound http or https URL, which may be relative to `base`.
    public init?(_ text: String, relativeTo base: WebAddress? = nil) {
        var parts = chttp_url()
        // A zero byte would end the text early on the other side.
        guard !text.utf8.contains(0), chttp_parse_url(text, base?.string, &parts) == 0 else { return nil }
        defer { chttp_free_url(&parts) }
        guard let whole = parts.whole, let scheme = parts.scheme, let host = parts.host, let port = parts.port,
            let path = parts.path
        else { return nil }
        string = String(cString: whole)
        let schemeName = String(cString: scheme)
        let hostName = String(cString: host).lowercased()
        isEncrypted = schemeName == "https"
        origin = "\(schemeName)://\(hostName):\(String(cString: port))"
        let isDefaultPort = String(cString: port) == (isEncrypted ? "443" : "80")
        self.path = String(cString: path)
        display = "\(schemeName)://\(hostName)\(isDefaultPort ? "" : ":" + String(cString: port))\(self.path)"
        isLoopback = hostName == "localhost" || hostName == "[::1]" || hostName.hasPrefix("127.")
    }

    /// What may be shown of a text that is perhaps no address: without what may be user, password and query.
    public static func redacted(_ text: String) -> String {
        let slashes = text.range(of: "://")?.upperBound ?? text.startIndex
        let afterUser = text[slashes...].lastIndex(of: "@").map { text.index(after: $0) } ?? slashes
        return String(text[..<slashes] + text[afterUser...].prefix { $0 != "?" && $0 != "#" })
    }
}
