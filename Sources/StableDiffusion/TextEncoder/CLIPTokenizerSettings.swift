import Foundation

/// What a tokenizer folder's small files say: lengths and special tokens.
struct CLIPTokenizerSettings {
    struct SpecialToken {
        let content: String
        /// Found in the text only after normalisation, or before it.
        let isMatchedNormalized: Bool
    }

    /// What CLIP was trained with; for files that give no length, or transformers' “no limit”.
    private static let usualLength = 77
    private static let longestLength = 1 << 16

    let modelMaxLength: Int
    let beginToken: String
    let endToken: String
    let unknownToken: String
    let padToken: String
    /// Every token that text may spell out, once each.
    let specialTokens: [SpecialToken]
    /// Ids of tokens that the vocabulary need not have: those added after training.
    let addedIDs: [String: Int]

    /// - Parameter addedTokens: those that a `tokenizer.json` declares; nil when the folder has none.
    init(folder: URL, addedTokens: [JSONValue]? = nil) throws {
        let configurationFile = folder.appendingPathComponent("tokenizer_config.json")
        var fields = try CLIPTokenizerSettings.fieldsIfPresent(configurationFile)
        var declared = fields["added_tokens_decoder"]?.object
        if let addedTokens, declared == nil {
            declared = try Self.decoder(addedTokens, file: folder.appendingPathComponent(TokenizerFile.name))
        }
        let older =
            declared == nil
            ? try Self.fieldsIfPresent(folder.appendingPathComponent("added_tokens.json"), limit: 16 << 20) : [:]
        if declared == nil {
            // The older file overrides; files that declare their tokens need it no more.
            let map = try CLIPTokenizerSettings.fieldsIfPresent(
                folder.appendingPathComponent("special_tokens_map.json"))
            fields.merge(map) { $1 }
        }

        let settings = ConfigurationFields(fields, file: configurationFile.path)
        let length = try settings.optional("model_max_length", "expected a whole number of 2 or more") { value in
            guard let length = value.number else { return nil as Int? }
            if length > Double(CLIPTokenizerSettings.longestLength) { return CLIPTokenizerSettings.usualLength }
            return value.integer(in: 2...CLIPTokenizerSettings.longestLength)
        }
        modelMaxLength = length ?? CLIPTokenizerSettings.usualLength

        var tokens: [SpecialToken] = []
        var addedIDs: [String: Int] = [:]
        func add(_ content: String, id: JSONValue) throws {
            guard case .number(let number) = id, let id = Int(exactly: number), 0...CLIPVocabulary.largestID ~= id
            else {
                throw settings.failure("the added token “\(content.prefix(60))” has the id \(id)")
            }
            addedIDs[content] = id
        }
        for (content, id) in older.sorted(by: { $0.key < $1.key }) where !content.isEmpty {
            tokens.append(SpecialToken(content: content, isMatchedNormalized: true))
            try add(content, id: id)
        }
        for (id, value) in (declared ?? [:]).sorted(by: { $0.key < $1.key }) {
            guard let token = try CLIPTokenizerSettings.token(value, settings) else {
                throw settings.failure("added_tokens_decoder's token \(id) is \(value)")
            }
            try add(token.content, id: .number(Double(id) ?? -1))
            tokens.append(token)
        }
        var named: [String: String] = [:]
        for name in ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"] {
            let token = try settings.optional(name, "expected a token") {
                try CLIPTokenizerSettings.token($0, settings)
            }
            guard let token else { continue }
            named[name] = token.content
            if declared == nil || !tokens.contains(where: { $0.content == token.content }) { tokens.append(token) }
        }
        beginToken = named["bos_token"] ?? "<|startoftext|>"
        endToken = named["eos_token"] ?? "<|endoftext|>"
        unknownToken = named["unk_token"] ?? "<|endoftext|>"
        padToken = named["pad_token"] ?? "<|endoftext|>"
        for content in [beginToken, endToken, unknownToken, padToken]
        where !tokens.contains(where: { $0.content == content }) {
            tokens.append(SpecialToken(content: content, isMatchedNormalized: false))
        }
        // Of a token named twice with different flags the last counts.
        let lastIndices = Dictionary(tokens.indices.map { (tokens[$0].content, $0) }) { $1 }
        specialTokens = lastIndices.values.sorted().map { tokens[$0] }
        self.addedIDs = addedIDs
    }

    /// A `tokenizer.json`'s list of added tokens in the form of `added_tokens_decoder`.
    private static func decoder(_ tokens: [JSONValue], file: URL) throws -> [String: JSONValue] {
        var decoder: [String: JSONValue] = [:]
        for token in tokens {
            guard case .number(let id)? = token.object?["id"], let id = Int(exactly: id) else {
                throw ConfigurationError(file: file.path, reason: "an added token has no id")
            }
            decoder[String(id)] = token
        }
        return decoder
    }

    /// A token given as text, or as an object with flags. Flags that strip white space change nothing, as no white
    /// space becomes a token.
    private static func token(_ value: JSONValue, _ settings: ConfigurationFields) throws -> SpecialToken? {
        if let content = value.string, !content.isEmpty {
            return SpecialToken(content: content, isMatchedNormalized: false)
        }
        guard let fields = value.object, let content = fields["content"]?.string, !content.isEmpty else { return nil }
        if fields["single_word"] == .bool(true) {
            throw settings.failure("the token “\(content)” is matched as a single word only, which is not supported")
        }
        return SpecialToken(content: content, isMatchedNormalized: fields["normalized"] == .bool(true))
    }

    private static func fieldsIfPresent(_ file: URL, limit: Int = 1 << 20) throws -> [String: JSONValue] {
        guard ConfigurationFile.isThere(file) else { return [:] }
        return try ConfigurationFile.fields(of: file, limit: limit)
    }
}
