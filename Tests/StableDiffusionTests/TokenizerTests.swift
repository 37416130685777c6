import Foundation
import StableDiffusion
import TestSupport
import Testing

/// The tokenizer against transformers' `CLIPTokenizer`; `make_tokenizer_fixtures.py` made the golden files.
@Suite struct TokenizerTests {
    static let modelFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../Models/cartoonizer-mini/tokenizer").standardizedFileURL

    @Test func idsAreTransformers() throws {
        let tokenizer = try CLIPTokenizer(folder: Self.modelFolder)
        guard
            case .array(let texts) = try JSONValue(
                parsing: [UInt8](Data(contentsOf: SamplingFixtures.url("tokenizer-texts.json"))))
        else { throw SamplingFixtures.Failure.malformed }
        var golden = try LittleEndianReader("tokenizer-tokens.bin")
        for text in texts {
            let text = try #require(text.string)
            let count: UInt16 = try golden.integer()
            let expected = try (0..<count).map { _ in Int(try golden.integer(UInt16.self)) }
            let tokens = [tokenizer.beginToken] + tokenizer.tokens(of: text) + [tokenizer.endToken]
            #expect(differences(tokens, expected) == nil, "\(text.debugDescription)")

            let encoded = tokenizer.encode(text)
            let cut = expected.count > 77 ? Array(expected.prefix(76)) + [49407] : expected
            let padded: [Int] = cut + [Int](repeating: 49407, count: 77 - cut.count)
            #expect(differences(encoded, padded) == nil)
        }
        #expect(golden.isAtEnd)
        #expect(texts.count == 2600)
    }

    /// Special tokens, padding and length from small files of several ages.
    @Test func settingsComeFromTheFolder() throws {
        guard
            case .array(let cases) = try JSONValue(
                parsing: [UInt8](Data(contentsOf: SamplingFixtures.url("tokenizer-settings.json"))))
        else { throw SamplingFixtures.Failure.malformed }
        for testCase in cases {
            guard case .array(let parts) = testCase, parts.count == 3, let files = parts[0].object,
                case .array(let texts) = parts[1], case .array(let ids) = parts[2]
            else { throw SamplingFixtures.Failure.malformed }
            let folder = try TokenizerFolder(files.compactMapValues(\.string))
            let tokenizer = try CLIPTokenizer(folder: folder.url)
            for (text, expected) in zip(texts, ids) {
                let text = try #require(text.string)
                let encoded = JSONValue.array(tokenizer.encode(text).map { .number(Double($0)) })
                #expect(encoded == expected, "\(text) with \(files)")
            }
        }
        #expect(cases.count == 9)
    }

    /// The vocabulary and merges in one file, as transformers 5 writes them, and as versions before it.
    @Test(arguments: [true, false])
    func oneFileHoldsTheSameTokenizer(areMergesPairs: Bool) throws {
        let vocabulary = try String(contentsOf: Self.modelFolder.appendingPathComponent("vocab.json"), encoding: .utf8)
        let lines = try String(contentsOf: Self.modelFolder.appendingPathComponent("merges.txt"), encoding: .utf8)
            .split(separator: "\n").dropFirst()
        func quoted(_ text: Substring) -> String {
            "\"" + text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"") + "\""
        }
        let merges = lines.map { line in
            areMergesPairs ? "[" + line.split(separator: " ").map(quoted).joined(separator: ",") + "]" : quoted(line)
        }
        let added = """
            [{"id": 49406, "content": "<|startoftext|>", "special": true}, {"id": 49407, "content": "<|endoftext|>"},
             {"id": 49408, "content": "<cat-toy>", "normalized": false}]
            """
        let folder = try TokenizerFolder(
            [
                "tokenizer.json": """
                {"version": "1.0", "normalizer": {"type": "NFC"}, "added_tokens": \(added), "model": {"type": "BPE",
                "end_of_word_suffix": "</w>", "vocab": \(vocabulary), "merges": [\(merges.joined(separator: ","))]}}
                """
            ], copiesModel: false)
        let (whole, parts) = try (CLIPTokenizer(folder: folder.url), CLIPTokenizer(folder: Self.modelFolder))
        for text in ["Make it a cartoon, it's 2 CATS!", "é日本 👍🏽", "<|endoftext|> a", ""] {
            #expect(whole.encode(text) == parts.encode(text), "\(text)")
        }
        #expect(whole.tokens(of: "a <cat-toy>") == parts.tokens(of: "a") + [49408])
        #expect(whole.vocabularySize == 49409)
    }

    @Test func addedTokensHaveIDsOfTheirOwn() throws {
        let folder = try TokenizerFolder(["added_tokens.json": #"{"<cat-toy>": 49408, "<Dog>": 49410}"#])
        let tokenizer = try CLIPTokenizer(folder: folder.url)
        #expect(tokenizer.vocabularySize == 49411)
        #expect(tokenizer.tokens(of: "<cat-toy><dog>") == [49408, 49410])
    }

    @Test func sizesAndTokensAreThoseOfCLIP() throws {
        let tokenizer = try CLIPTokenizer(folder: Self.modelFolder)
        #expect(tokenizer.modelMaxLength == 77)
        #expect(tokenizer.vocabularySize == 49408)
        #expect(tokenizer.beginToken == 49406)
        #expect(tokenizer.endToken == 49407)
        #expect(tokenizer.padToken == 49407)
    }

    /// A megabyte of what is slowest, in far less than the minutes that quadratic time would take.
    @Test(arguments: [
        "a", "hello World, it's 2 cats! ", "é日本のΣ ", "!?", "e\u{301}", "\u{301}", "\u{315}\u{301}", "<|",
        "<|endoftext|>", "\u{1112}\u{1161}\u{11AB}",
    ])
    func aMegabyteIsFast(unit: String) throws {
        let tokenizer = try CLIPTokenizer(folder: Self.modelFolder)
        let text = String(repeating: unit, count: 1_000_000 / unit.utf8.count)
        let duration = ContinuousClock().measure { #expect(tokenizer.tokens(of: text).count > 10_000) }
        #expect(duration < .seconds(10))
    }
}

/// Files that do not fit together or are no such files: an error that names the file, never a trap.
@Suite struct TokenizerHostileFileTests {
    private static let vocabulary =
        #"{"a": 0, "b": 1, "ab</w>": 2, "b</w>": 3, "<|startoftext|>": 4, "<|endoftext|>": 5}"#
    private static let merges = "#version: 0.2\na b</w>\n"

    private func refusal(_ files: [String: String]) throws -> String {
        let defaults = ["vocab.json": Self.vocabulary, "merges.txt": Self.merges]
        let folder = try TokenizerFolder(defaults.merging(files) { $1 })
        do {
            let tokenizer = try CLIPTokenizer(folder: folder.url)
            _ = tokenizer.encode("ab ba é <|endoftext|>")
            return "accepted"
        } catch let error as ConfigurationError {
            return error.description
        }
    }

    @Test func aSmallVocabularyIsUsed() throws {
        let folder = try TokenizerFolder(["vocab.json": Self.vocabulary, "merges.txt": Self.merges])
        let tokenizer = try CLIPTokenizer(folder: folder.url)
        #expect(tokenizer.tokens(of: "ab aab") == [2, 0, 2])
        #expect(tokenizer.tokens(of: "ac") == [0, 5])  // what the vocabulary lacks becomes the unknown token
        #expect(tokenizer.vocabularySize == 6)
        #expect(tokenizer.encode("").count == 77)
    }

    @Test(arguments: [
        "", "{", "[]", "{}", #"{"a": 1.5}"#, #"{"a": -1}"#, #"{"a": 99999999999999999999}"#, #"{"a": 20000000}"#,
        #"{"a": "b"}"#, #"{"a" 1}"#, #"{"a": 1, "a": 2}"#, #"{"a": 1"#, #"{"a": 1} {}"#, #"{"\ud800": 1}"#,
        #"{"a": 0, "b": 1, "b</w>": 3}"#, "\u{0}", #"{"a": 0, "b": 1, "ab</w>": 2, "b</w>": 3}"#,
    ])
    func brokenVocabulariesAreRefused(text: String) throws {
        let refusal = try refusal(["vocab.json": text])
        #expect(refusal.contains("vocab.json: ") || refusal.contains("merges.txt: "), "\(refusal)")
    }

    @Test(arguments: ["a", "a  b</w>", "a b", "x y", " ", "a b</w> c", "\u{0}", "a b</w>\nb"])
    func brokenMergeFilesAreRefused(text: String) throws {
        #expect(try refusal(["merges.txt": text]).contains("merges.txt: line"))
    }

    @Test func anEmptyMergeFileIsRefused() throws {
        #expect(try refusal(["merges.txt": ""]).contains("merges.txt: the file is empty"))
    }

    @Test(arguments: ["\n\n", "a b</w>", "a b</w>\r\n", "#version: 0.2\n\na b</w>\na b</w>\n"])
    func unusualMergeFilesAreAccepted(text: String) throws {
        #expect(try refusal(["merges.txt": text]) == "accepted")
    }

    @Test(arguments: [
        #"[]"#, #"{"model_max_length": 1}"#, #"{"model_max_length": "x"}"#, #"{"model_max_length": 7.5}"#,
        #"{"model_max_length": NaN}"#, #"{"model_max_length": -Infinity}"#, #"{"pad_token": 3}"#, #"{"pad_token": ""}"#,
        #"{"bos_token": {"content": 1}}"#, #"{"added_tokens_decoder": {"4": 7}}"#,
        #"{"eos_token": {"content": "b", "single_word": true}}"#,
    ])
    func brokenSettingsAreRefused(text: String) throws {
        #expect(try refusal(["tokenizer_config.json": text]).contains("tokenizer_config.json"))
    }

    @Test func tokensThatTheVocabularyLacksAreRefused() throws {
        #expect(try refusal(["special_tokens_map.json": #"{"pad_token": "<pad>"}"#]).contains("“<pad>” is not in it"))
        #expect(try refusal(["tokenizer_config.json": #"{"model_max_length": 1e30}"#]) == "accepted")
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"model": {}}"#, #"{"model": {"type": "WordPiece", "vocab": {}, "merges": []}}"#,
        #"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["a"]], "end_of_word_suffix": "</w>"}}"#,
        #"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a a"], "end_of_word_suffix": "</w>"}}"#,
        #"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [], "end_of_word_suffix": "</w>"}, "added_tokens": [1]}"#,
    ])
    func brokenTokenizerFilesAreRefused(text: String) throws {
        let folder = try TokenizerFolder(["tokenizer.json": text], copiesModel: false)
        #expect(throws: ConfigurationError.self) { try CLIPTokenizer(folder: folder.url) }
    }

    /// Tokens that crowd in one place of the table, thousands of special tokens, and more merges than tokens.
    @Test func floodsAreBounded() throws {
        // FNV-1a of these eight letters ends in the same 12 bits: found by trying.
        var words: [String] = []
        var random = UInt64(7)
        while words.count < 3000 {
            var word: [UInt8] = []
            var hash: UInt64 = 0xCBF2_9CE4_8422_2325
            for _ in 0..<8 {
                random = random &* 6_364_136_223_846_793_005 &+ 1
                word.append(UInt8(97 + random >> 33 % 26))
                hash = (hash ^ UInt64(word[word.count - 1])) &* 0x100_0000_01B3
            }
            if (hash ^ hash >> 32) & 0x1FFF < 32 { words.append(String(decoding: word, as: UTF8.self)) }
        }
        let flood = "{" + Set(words).enumerated().map { "\"\($1)\": \($0)" }.joined(separator: ",") + "}"
        #expect(try refusal(["vocab.json": flood]).contains("too many that look alike"))
        #expect(
            try refusal(["merges.txt": String(repeating: "a b</w>\n", count: 7)]).contains("more merges than tokens"))

        let many = (0..<9000).map { #""\#($0)": {"content": "\#(String(repeating: "a", count: 20))\#($0)"}"# }
        let ends = #""9001": {"content": "<|startoftext|>"}, "9002": {"content": "<|endoftext|>"}"#
        let folder = try TokenizerFolder([
            "vocab.json": Self.vocabulary, "merges.txt": Self.merges,
            "tokenizer_config.json": #"{"added_tokens_decoder": {\#(many.joined(separator: ",")), \#(ends)}}"#,
        ])
        let tokenizer = try CLIPTokenizer(folder: folder.url)
        let text = String(repeating: "a", count: 200_000)
        let duration = ContinuousClock().measure { #expect(tokenizer.tokens(of: text).count == 200_000) }
        #expect(duration < .seconds(10))
    }

    @Test func missingFilesAreRefused() throws {
        let folder = try TokenizerFolder(["vocab.json": Self.vocabulary])
        #expect(throws: ConfigurationError.self) { try CLIPTokenizer(folder: folder.url) }
    }
}

/// A folder with the given files, with the model's vocabulary and merges where none are given; deleted with the value.
private final class TokenizerFolder {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("tokenizer-\(UUID().uuidString)")

    init(_ files: [String: String], copiesModel: Bool = true) throws {
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        for (name, text) in files { try Data(text.utf8).write(to: url.appendingPathComponent(name)) }
        if files["vocab.json"] == nil, copiesModel {
            for name in ["vocab.json", "merges.txt"] {
                try FileManager.default.copyItem(
                    at: TokenizerTests.modelFolder.appendingPathComponent(name), to: url.appendingPathComponent(name))
            }
        }
    }

    deinit {
        try? FileManager.default.removeItem(at: url)
    }
}
