import Checkpoints
import Files
import Foundation

/// The file `source.json` beside a pulled model: where it came from.
public struct PullSource: Codable, Equatable, Sendable {
    static let name = "source.json"

    /// `org/name`.
    public let repository: String
    /// The commit that was pulled, 40 hexadecimal digits.
    public let commit: String
    /// The raw value of the `WeightPrecision` that the weights were converted to.
    public let precision: String

    /// What a model's folder says of itself, nil if nothing.
    public static func read(_ folder: URL) -> PullSource? {
        let path = folder.appendingPathComponent(name).path
        guard let bytes = try? RegularFile.contents(of: path, limit: 1 << 16) else { return nil }
        return try? JSONDecoder().decode(PullSource.self, checking: bytes)
    }

    func write(to url: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try writeAtomically(encoder.encode(self) + Data("\n".utf8), to: url)
    }
}
