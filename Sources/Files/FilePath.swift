/// The parts of a path, by bytes and slashes alone: Foundation's own functions stop the program on some paths (`.`).
package struct FilePath {
    package let string: String

    package init(_ string: String) { self.string = string }

    /// What comes after the last slash.
    package var name: String {
        String(string[nameStart...])
    }

    /// The folder that holds the file, `.` when the path names none.
    package var folder: String {
        var folder = string[..<nameStart]
        if folder.isEmpty { return "." }
        while folder.count > 1, folder.last == "/" { folder.removeLast() }
        return String(folder)
    }

    /// `folder`, but empty when the path names none.
    package var parent: String { nameStart == string.startIndex ? "" : folder }

    /// The path without `.` and empty parts: two paths that are equal so are the same file.
    package var simplified: String {
        let parts = string.split(separator: "/").filter { $0 != "." }
        return (string.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
    }

    /// The extension without its dot; empty for `photo`, `.photo` and `photo.`.
    package var fileExtension: String {
        dot.map { String(string[string.index(after: $0)...]) } ?? ""
    }

    /// The path up to the dot of the extension.
    package var withoutExtension: String {
        dot.map { String(string[..<$0]) } ?? string
    }

    /// The path of `name` in the folder `self`; plain `name` in the folder that the path leaves out.
    package func appending(_ name: String) -> String {
        string.isEmpty ? name : string.hasSuffix("/") ? string + name : string + "/" + name
    }

    private var nameStart: String.Index {
        string.lastIndex(of: "/").map { string.index(after: $0) } ?? string.startIndex
    }

    private var dot: String.Index? {
        guard let dot = string[nameStart...].lastIndex(of: "."), dot > nameStart else { return nil }
        return string.index(after: dot) == string.endIndex ? nil : dot
    }
}
