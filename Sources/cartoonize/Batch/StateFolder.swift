import Files
import Foundation

/// Where the manifest and the seed of a batch are whose images lie beside their photos: not among these, but in the
/// user's state folder (`$XDG_STATE_HOME`), in a folder for each place that images were made in.
enum StateFolder {
    /// The folder for images in `place`; nil where the environment names no folder of the user's.
    static func ofThisUser(for place: String) -> String? {
        root(ProcessInfo.processInfo.environment).map { FilePath($0).appending(name(of: place)) }
    }

    /// The folder of all of them.
    static func root(_ environment: [String: String]) -> String? {
        func folder(_ variable: String) -> String? {
            environment[variable].flatMap { FilePath($0).isAbsolute ? $0 : nil }
        }
        let state = folder("XDG_STATE_HOME") ?? folder("HOME").map { FilePath($0).appending(".local/state") }
        return state.map { FilePath($0).appending("cartoonize") }
    }

    /// The last part of a place's path, for people, and a hash of all of it.
    private static func name(of place: String) -> String {
        let resolved = SystemPath.with(place) { realpath($0, nil) }
        defer { free(resolved) }
        let bytes = resolved.map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) } ?? Array(place.utf8)
        let last = FilePath(SystemPath.string(bytes)).name.unicodeScalars.prefix(32)
        return "\(last.isEmpty ? "root" : String(last))-\(String(nameHash(bytes), radix: 36))"
    }
}
