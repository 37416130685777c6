/// The parts of a path, by bytes and slashes alone: Foundation's own functions stop the program on some paths (`.`), and
/// a slash before a combining mark is no character of its own.
package struct FilePath {
    package let string: String

    package init(_ string: String) { self.string = string }

    private static let (slash, point) = (UInt8(ascii: "/"), UInt8(ascii: "."))

    /// What comes after the last slash.
    package var name: String { String(string[nameStart...]) }

    /// The folder that holds the file, `.` when the path names none.
    package var folder: String {
        var folder = string.utf8[..<nameStart]
        if folder.isEmpty { return "." }
        while folder.count > 1, folder.last == Self.slash { folder.removeLast() }
        return String(Substring(folder))
    }

    /// `folder`, but empty when the path names none.
    package var parent: String { nameStart == string.startIndex ? "" : folder }

    /// Whether the path starts at the root of the file system.
    package var isAbsolute: Bool { string.utf8.first == Self.slash }

    /// Whether the path says that it is a folder's.
    package var endsInSlash: Bool { string.utf8.last == Self.slash }

    package var withoutLastSlash: FilePath { endsInSlash ? FilePath(String(Substring(string.utf8.dropLast()))) : self }

    /// The path without `.` and empty parts: two paths that are equal so are the same file.
    package var simplified: String {
        let parts = string.utf8.split(separator: Self.slash, omittingEmptySubsequences: false)
        func isPlain(_ part: Substring.UTF8View) -> Bool { !part.isEmpty && !part.elementsEqual([Self.point]) }
        if parts.allSatisfy(isPlain) { return string }
        return (isAbsolute ? "/" : "") + parts.filter(isPlain).map { String(Substring($0)) }.joined(separator: "/")
    }

    /// The extension without its dot; empty for `photo`, `.photo` and `photo.`.
    package var fileExtension: String {
        dot.map { String(string[string.utf8.index(after: $0)...]) } ?? ""
    }

    /// The path up to the dot of the extension.
    package var withoutExtension: String {
        dot.map { String(string[..<$0]) } ?? string
    }

    /// The path of `name` in the folder `self`; plain `name` in the folder that the path leaves out.
    package func appending(_ name: String) -> String {
        string.isEmpty ? name : endsInSlash ? string + name : string + "/" + name
    }

    /// The path within `folder`; nil when it is not in there.
    package func relative(to folder: FilePath) -> String? {
        let start = Array(folder.string.utf8) + (folder.endsInSlash ? [] : [Self.slash])
        guard string.utf8.starts(with: start) else { return nil }
        return String(Substring(string.utf8.dropFirst(start.count)))
    }

    private var nameStart: String.Index {
        string.utf8.lastIndex(of: Self.slash).map { string.utf8.index(after: $0) } ?? string.startIndex
    }

    private var dot: String.Index? {
        guard let dot = string.utf8[nameStart...].lastIndex(of: Self.point), dot > nameStart else { return nil }
        return string.utf8.index(after: dot) == string.endIndex ? nil : dot
    }
}

/// Equal by bytes, as the system's names are: strings are equal already if their characters look the same.
extension FilePath: Hashable {
    package static func == (left: FilePath, right: FilePath) -> Bool {
        left.string.utf8.elementsEqual(right.string.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        var text = string
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
