import ArgumentParser
import ImageCodecs

extension ImageFormat: ExpressibleByArgument {
    public init?(argument: String) {
        let named = Self.all.first { $0.name.lowercased() == argument.lowercased() }
        guard let format = named ?? Self(fileExtension: argument) else { return nil }
        self = format
    }

    public static var allValueStrings: [String] { writable.map { $0 == .jpeg ? "jpeg" : $0.fileExtension } }
}

extension ImageFormat {
    /// What can be said of a name whose extension does not settle the format.
    static var howToChoose: String {
        let extensions = writable.map { "." + $0.fileExtension }
        let first = extensions.dropLast().joined(separator: ", ")
        return "end it in \(first) or \(extensions.last ?? ""), or give --format"
    }
}
