import Checkpoints
import Foundation

/// A `tokenizer.json`, which holds a tokenizer whole: what transformers 5 writes in place of `vocab.json` and `merges.txt`.
struct TokenizerFile {
    static let name = "tokenizer.json"
    /// Ten times CLIP's.
    private static let largestFile = 32 << 20

    let vocabulary: CLIPVocabulary
    /// Tokens beside the vocabulary's, or of it, that text may spell out.
    let addedTokens: [JSONValue]
    private let file: URL
    /// The pairs with a space between, one after another, and where each ends.
    private var merges: [UInt8] = []
    private var ends: [Int] = []

    /// - Throws: `ConfigurationError` for a file that is malformed or holds another tokenizer than CLIP's kind.
    init(_ file: URL) throws {
        self.file = file
        var scanner = JSONScanner(try ConfigurationFile.bytes(of: file, limit: Self.largestFile))
        var model = Model()
        var added: [JSONValue] = []
        do {
            try scanner.object { scanner, name in
                switch name {
                case "model": try model.read(&scanner, file: file)
                case "added_tokens": try scanner.array { added.append(try JSONValue(&$0)) }
                default: try scanner.skipValue()
                }
            }
            try scanner.expectEnd()
        } catch let error as JSONError {
            throw ConfigurationError(file: file.path, reason: "not a valid tokenizer: \(error)")
        }
        guard let vocabulary = model.vocabulary, model.type ?? "BPE" == "BPE", model.ending == "</w>" else {
            throw ConfigurationError(
                file: file.path,
                reason: "it holds no tokenizer of CLIP's kind (byte pairs, with </w> at the end of words)")
        }
        self.vocabulary = vocabulary
        (addedTokens, merges, ends) = (added, model.merges, model.ends)
    }

    /// The merges, in the order of their ranks.
    func pairEncoding(unknownToken: Int32) throws -> BytePairEncoding {
        try BytePairEncoding(
            file: file, vocabulary: vocabulary, unknownToken: unknownToken, expected: ends.count
        ) { add in
            var start = 0
            for (index, end) in ends.enumerated() {
                try add(merges[start..<end], "merge \(index + 1)")
                start = end
            }
        }
    }

    /// The member `model`.
    private struct Model {
        var type: String?
        var ending: String?
        var vocabulary: CLIPVocabulary?
        var merges: [UInt8] = []
        var ends: [Int] = []

        mutating func read(_ scanner: inout JSONScanner, file: URL) throws {
            try scanner.object { scanner, name in
                switch name {
                case "type": type = try scanner.string()
                case "end_of_word_suffix" where scanner.peek() == UInt8(ascii: "\""): ending = try scanner.string()
                case "vocab" where vocabulary == nil && scanner.peek() == UInt8(ascii: "{"):
                    vocabulary = try CLIPVocabulary(&scanner, file: file)
                case "merges": try scanner.array { try readMerge(&$0) }
                default: try scanner.skipValue()
                }
            }
        }

        /// A pair is a list of two texts, or in older files one text with a space.
        private mutating func readMerge(_ scanner: inout JSONScanner) throws {
            if scanner.peek() == UInt8(ascii: "[") {
                var count = 0
                try scanner.array { scanner in
                    if count == 1 { merges.append(UInt8(ascii: " ")) }
                    try scanner.string(into: &merges)
                    count += 1
                    guard count <= 2 else { throw scanner.failure("expected a pair") }
                }
                guard count == 2 else { throw scanner.failure("expected a pair") }
            } else {
                try scanner.string(into: &merges)
            }
            ends.append(merges.count)
        }
    }
}
