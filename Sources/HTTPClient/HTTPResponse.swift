import CHTTP

/// What a server answered, without the body.
public struct HTTPResponse: Sendable {
    /// The HTTP status, such as 200.
    public let status: Int
    /// Where it came from, after redirects.
    public let address: WebAddress
    /// Names in lower case, in the server's order.
    public let headers: [(name: String, value: String)]

    /// The first header of that name, which is written in lower case here.
    public subscript(name: String) -> String? {
        headers.first { $0.name == name }?.value
    }

    /// The length of the body, if the server sends it.
    public var contentLength: Int? {
        self["content-length"].flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil }
    }

    /// When what was sent was last changed, in seconds since 1970, if the server sends it.
    public var lastModified: Double? {
        self["last-modified"].flatMap(webDate)
    }

    /// Of a partial body (status 206) the offset of its first byte and, if known, the length of the whole.
    public var contentRange: (start: Int, whole: Int?)? {
        guard let text = self["content-range"], text.lowercased().hasPrefix("bytes ") else { return nil }
        let parts = text.dropFirst(6).split(separator: "/")
        guard parts.count == 2, let start = parts[0].split(separator: "-").first.flatMap({ Int($0) }), start >= 0
        else { return nil }
        return (start, Int(parts[1]))
    }
}

/// A date as http has it, in seconds since 1970; nil for what is none.
public func webDate(_ text: String) -> Double? {
    let seconds = chttp_date(text)
    return seconds < 0 ? nil : Double(seconds)
}
