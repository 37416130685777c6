import Foundation
import HTTPClient

/// What a pull is asked for: a repository with a model in diffusers' layout, or one file of weights.
public enum PullTarget: Sendable, Equatable {
    /// `org/name` or `org/name@revision`, also after `hf://`.
    case repository(HubName)
    /// A file of a repository (`org/name/file.safetensors`, also after `hf://`, or its address), or of any server.
    case file(RemoteFile)

    /// - Parameter hub: whose addresses are known as those of its repositories' files.
    /// - Throws: `HubError.badName`.
    public init(_ text: String, hub: Hub) throws(HubError) {
        let scheme = "hf://"
        if text.hasPrefix(scheme) || !text.contains("://") {
            let name = text.hasPrefix(scheme) ? String(text.dropFirst(scheme.count)) : text
            let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
            // A revision may have slashes, too; then it is a file by its name's end.
            guard parts.count > 2, !parts[1].contains("@") || Self.isWeights(parts[parts.count - 1]) else {
                self = .repository(try HubName(name))
                return
            }
            self = .file(try RemoteFile(of: HubName("\(parts[0])/\(parts[1])"), path: Array(parts[2...]), text))
            return
        }
        guard let address = WebAddress(text) else { throw .badName(WebAddress.redacted(text)) }
        let parts = address.path.split(separator: "/").map { $0.removingPercentEncoding ?? String($0) }
        // The page of a file, and what its button downloads.
        if hub.isOrigin(of: address), parts.count > 4, ["blob", "resolve"].contains(parts[2]) {
            let name = try HubName("\(parts[0])/\(parts[1])@\(parts[3])")
            self = .file(try RemoteFile(of: name, path: Array(parts[4...]), text))
            return
        }
        self = .file(RemoteFile(at: address, named: parts.last ?? ""))
    }

    private static func isWeights(_ name: String) -> Bool {
        ["safetensors", "ckpt", "pt", "pth", "bin"].contains { name.lowercased().hasSuffix(".\($0)") }
    }
}

/// One file of weights, in a repository of a hub or on any server.
public struct RemoteFile: Sendable, Equatable, CustomStringConvertible {
    enum Place: Sendable, Equatable {
        case hub(HubName, path: String)
        case web(WebAddress)
    }

    let place: Place
    /// What it is called here: the last part of its path, if that is a plain name.
    public let name: String

    /// - Parameter text: what errors name.
    fileprivate init(of repository: HubName, path: [String], _ text: String) throws(HubError) {
        let isSound = path.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." && !$0.contains(where: \.isNewline) }
        guard isSound, let last = path.last else { throw .badName(text) }
        place = .hub(repository, path: path.joined(separator: "/"))
        name = Self.plain(last)
    }

    fileprivate init(at address: WebAddress, named name: String) {
        (place, self.name) = (.web(address), Self.plain(name))
    }

    private static func plain(_ name: String) -> String {
        let isPlain =
            !name.isEmpty && !name.hasPrefix(".") && name.utf8.count <= 200
            && name.unicodeScalars.allSatisfy { $0 != "/" && $0.properties.generalCategory != .control }
        return isPlain ? name : "file.safetensors"
    }

    /// The last part of the repository's name, nil on any other server.
    public var repositoryName: String? {
        guard case .hub(let name, _) = place else { return nil }
        return name.repository.split(separator: "/").last.map(String.init)
    }

    /// Without user, password and query of an address.
    public var description: String {
        switch place {
        case .hub(let name, let path): "\(name)/\(path)"
        case .web(let address): address.display
        }
    }
}
