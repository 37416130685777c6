import Foundation

/// CLIP's byte-level byte-pair tokenizer: the ids of transformers' `CLIPTokenizer`, from a model's `tokenizer` folder.
///
/// Text is brought to Unicode's composed form (NFC) and lower case, split into words, single digits and runs of
/// punctuation, and each piece's UTF-8 bytes are merged by rank (Sennrich et al., 2016; Radford et al., 2019).
public struct CLIPTokenizer: Sendable {
    /// Tokens in an encoded text, begin, end and padding counted.
    public let modelMaxLength: Int
    /// The largest id of the vocabulary and one more: the rows that the text encoder's embedding must have.
    public let vocabularySize: Int
    /// The id that every encoded text starts with.
    public let beginToken: Int
    /// The id after the last token of the text.
    public let endToken: Int
    /// The id that fills up to `modelMaxLength`.
    public let padToken: Int

    private let pairEncoding: BytePairEncoding
    private var specialTokens: CLIPSpecialTokens

    /// The files that a tokenizer's folder may hold: what decides how it works.
    static let files = [
        "vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
        TokenizerFile.name,
    ]

    /// Reads `vocab.json` and `merges.txt`, or without them `tokenizer.json`; and where they are `tokenizer_config.json`,
    /// `special_tokens_map.json` and `added_tokens.json`.
    ///
    /// Throws `ConfigurationError` for files that are missing, malformed or do not fit together.
    public init(folder: URL) throws {
        func place(_ name: String) -> URL { folder.appendingPathComponent(name) }
        func exists(_ name: String) -> Bool { ConfigurationFile.isThere(place(name)) }
        let isOneFile = exists(TokenizerFile.name) && !(exists("vocab.json") && exists("merges.txt"))
        let whole = isOneFile ? try TokenizerFile(place(TokenizerFile.name)) : nil
        let settings = try CLIPTokenizerSettings(folder: folder, addedTokens: whole?.addedTokens)
        let vocabularyFile = place(whole == nil ? "vocab.json" : TokenizerFile.name)
        let vocabulary = try whole?.vocabulary ?? CLIPVocabulary(json: vocabularyFile)
        func id(of token: String) throws -> Int {
            guard let id = vocabulary.id(of: token).map(Int.init) ?? settings.addedIDs[token] else {
                throw ConfigurationError(
                    file: vocabularyFile.path, reason: "the special token “\(token.prefix(60))” is not in it")
            }
            return id
        }
        modelMaxLength = settings.modelMaxLength
        vocabularySize = max(vocabulary.size, (settings.addedIDs.values.max() ?? -1) + 1)
        beginToken = try id(of: settings.beginToken)
        endToken = try id(of: settings.endToken)
        padToken = try id(of: settings.padToken)
        let unknownToken = Int32(truncatingIfNeeded: try id(of: settings.unknownToken))
        pairEncoding =
            try whole?.pairEncoding(unknownToken: unknownToken)
            ?? BytePairEncoding(merges: place("merges.txt"), vocabulary: vocabulary, unknownToken: unknownToken)
        specialTokens = CLIPSpecialTokens(
            try settings.specialTokens.map { ($0.content, id: try id(of: $0.content), $0.isMatchedNormalized) })
    }

    /// Takes a word of texts for these ids from now on.
    ///
    /// - Returns: false if the word is one of the special or added tokens already.
    mutating func add(_ word: String, ids: [Int]) -> Bool { specialTokens.add(word, ids: ids) }

    /// The ids that the text encoder takes: `modelMaxLength` of them, cut (the end token stays) or padded.
    public func encode(_ text: String) -> [Int] {
        let tokens = tokens(of: text).prefix(modelMaxLength - 2)
        let padding = repeatElement(padToken, count: modelMaxLength - 2 - tokens.count)
        return [beginToken] + tokens + [endToken] + padding
    }

    /// The ids of the text alone: no begin, no end, no padding, as many as there are.
    public func tokens(of text: String) -> [Int] {
        var tokens: [Int] = []
        for segment in specialTokens.split(Array(text.unicodeScalars), normalized: false) {
            switch segment {
            case .special(let ids):
                tokens += ids
            case .text(let scalars):
                for part in specialTokens.split(CLIPTextSplitter.normalize(scalars), normalized: true) {
                    switch part {
                    case .special(let ids): tokens += ids
                    case .text(let scalars):
                        CLIPTextSplitter.forEachPiece(of: scalars) { pairEncoding.encode($0, into: &tokens) }
                    }
                }
            }
        }
        return tokens
    }
}
