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
        !text.isEmpty && !text.hasPrefix(".") && !text.contains("..") && text.utf8.count <= 96
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                    || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".")
            }
    }
}

/// What a repository holds at one commit, as the hub lists it.
package struct HubListing: Sendable {
    /// No file of a model is larger: sums of sizes from a hub stay far from overflowing.
    private static let largestFile = 1 << 40

    package struct File: Sendable, Equatable {
        package let path: String
        package let size: Int
        /// Of large files the SHA-256 sum, else nil.
        let sha256: String?
        /// Git's name of the content of small files.
        let gitHash: String

        /// The digest that the content has to have, and how it is computed.
        var digest: (expected: String, sum: Digest) {
            sha256.map { ($0, .sha256()) } ?? (gitHash, .gitBlob(size: size))
        }
    }

    let commit: String
    let files: [String: File]

    package init(_ data: Data) throws(HubError) {
        struct Answer: Decodable {
            struct Sibling: Decodable {
                struct LFS: Decodable {
                    let sha256: String
                    let size: Int
                }
                let rfilename: String
                let size: Int?
                let blobId: String?
                let lfs: LFS?
            }
            let sha: String
            let siblings: [Sibling]
        }
        let answer: Answer
        do {
            answer = try JSONDecoder().decode(Answer.self, from: data)
        } catch {
            throw .badAnswer("its list of files cannot be read")
        }
        guard answer.sha.utf8.count == 40, answer.sha.allSatisfy({ $0.isHexDigit }) else {
            throw .badAnswer("its list of files has no commit")
        }
        commit = answer.sha
        var files: [String: File] = [:]
        for sibling in answer.siblings {
            guard let size = sibling.lfs?.size ?? sibling.size, 0...Self.largestFile ~= size,
                let gitHash = sibling.blobId
            else { continue }
            if let sum = sibling.lfs?.sha256, !FileSums.isSum(sum) { continue }
            files[sibling.rfilename] = File(
                path: sibling.rfilename, size: size, sha256: sibling.lfs?.sha256, gitHash: gitHash)
        }
        self.files = files
    }
}
