import Checkpoints
import Foundation
import HTTPClient

/// A repository's name and revision as a user writes them: `org/name` or `org/name@revision`.
public struct HubName: Sendable, Equatable, CustomStringConvertible {
    /// `org/name`, or the name alone for the hub's oldest models.
    public let repository: String
    /// A branch, a tag or a commit.
    public let revision: String

    /// - Throws: `HubError.badName`.
    public init(_ text: String) throws(HubError) {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        let names = parts[0].split(separator: "/", omittingEmptySubsequences: false)
        let revision = parts.count == 2 ? parts[1] : "main"
        guard (1...2).contains(names.count), names.allSatisfy({ Self.isPlain($0) }), !revision.isEmpty,
            revision.split(separator: "/", omittingEmptySubsequences: false).allSatisfy({ Self.isPlain($0) })
        else { throw .badName(text) }
        repository = String(parts[0])
        self.revision = String(revision)
    }

    /// What `--model` calls the model once it is there.
    public var description: String {
        revision == "main" ? repository : "\(repository)@\(revision.replacingOccurrences(of: "/", with: "-"))"
    }

    private static func isPlain(_ text: Substring) -> Bool {
        !text.isEmpty && !text.hasPrefix(".") && !text.hasPrefix("-") && !text.contains("..") && text.utf8.count <= 96
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                    || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".")
            }
    }
}

/// What a repository holds at one commit, as the hub lists it.
package struct HubListing: Sendable {
    /// No repository of a model lists as many.
    private static let fileLimit = 100_000
    /// No file of a model is larger: sums of sizes from a hub stay far from overflowing.
    static let sizes = 0...1 << 40

    package struct File: Sendable, Equatable {
        package let path: String
        package let size: Int
        /// The SHA-256 checksum of large files, nil for others.
        let sha256: String?
        /// Git's name of the content of small files; nil of a file that no hub lists.
        let gitHash: String?

        /// The digest that the content has to have, nil if none is known, and how it is computed.
        var digest: (expected: String?, running: Digest) {
            sha256.map { ($0, .sha256()) } ?? (gitHash, .gitBlob(size: size))
        }
    }

    let commit: String
    let files: [String: File]
    /// Whether files are named whose size is not given.
    let listsWithoutSizes: Bool

    package init(_ data: Data) throws(HubError) {
        var sha: String?
        var listed: [String: File]?
        var listsWithoutSizes = false
        var scanner = JSONScanner([UInt8](data))
        do {
            try scanner.object { scanner, name in
                switch name {
                case "sha": sha = try scanner.string()
                case "siblings":
                    var found: [String: File] = [:]
                    var count = 0
                    try scanner.array { scanner in
                        count += 1
                        guard count <= Self.fileLimit else { throw HubError.tooManyFiles(limit: Self.fileLimit) }
                        let sibling = try Sibling(&scanner)
                        listsWithoutSizes = listsWithoutSizes || sibling.size == nil
                        if let file = sibling.file { found[file.path] = file }
                    }
                    listed = found
                default: try scanner.skipValue()
                }
            }
            try scanner.expectEnd()
        } catch let error as HubError {
            throw error
        } catch {
            throw .badAnswer("its list of files cannot be read")
        }
        guard let files = listed else { throw .badAnswer("its list of files cannot be read") }
        guard let commit = sha, commit.utf8.count == 40, commit.utf8.allSatisfy({ Self.isHexDigit($0) }) else {
            throw .badAnswer("its list of files has no commit")
        }
        (self.commit, self.files, self.listsWithoutSizes) = (commit, files, listsWithoutSizes)
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
    }

    /// One file as the hub describes it.
    private struct Sibling {
        var path: String?
        var size: Int?
        var gitHash: String?
        var isLarge = false
        var sha256: String?
        var largeSize: Int?

        init(_ scanner: inout JSONScanner) throws {
            try scanner.object { scanner, name in
                switch name {
                case "rfilename": path = try scanner.string()
                case "size": size = try Self.count(&scanner)
                case "blobId" where scanner.peek() == UInt8(ascii: "\""): gitHash = try scanner.string()
                case "lfs" where scanner.peek() == UInt8(ascii: "{"):
                    isLarge = true
                    try scanner.object { scanner, name in
                        switch name {
                        case "sha256" where scanner.peek() == UInt8(ascii: "\""): sha256 = try scanner.string()
                        case "size": largeSize = try Self.count(&scanner)
                        default: try scanner.skipValue()
                        }
                    }
                default: try scanner.skipValue()
                }
            }
        }

        /// A whole number; nil for any other value, which is passed over.
        private static func count(_ scanner: inout JSONScanner) throws -> Int? {
            if let value = scanner.integer() { return value }
            try scanner.skipValue()
            return nil
        }

        /// nil unless everything is there that a download needs.
        var file: File? {
            guard let path, let size = isLarge ? largeSize : self.size, HubListing.sizes.contains(size),
                let gitHash
            else { return nil }
            if isLarge, !FileChecksums.isChecksum(sha256 ?? "") { return nil }
            return File(path: path, size: size, sha256: isLarge ? sha256 : nil, gitHash: gitHash)
        }
    }
}
