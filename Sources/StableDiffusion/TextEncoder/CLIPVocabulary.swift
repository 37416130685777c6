import Checkpoints
import Foundation

/// A tokenizer's vocabulary: ids by the tokens' UTF-8 bytes.
///
/// A hash table over one run of bytes, because reading the 49,408 tokens and resolving the merges is on the path of
/// every start: it takes a fraction of what a `Dictionary` of strings does. A token is never far from the place that its
/// hash gives: a file whose tokens were made to crowd in one place is refused before it costs any time.
struct CLIPVocabulary {
    static let largestID = 1 << 24
    /// Fifteen times CLIP's.
    private static let largestFile = 16 << 20
    /// How far from its place a token may be. In a table that is at most half full the farthest of a million is some
    /// sixty away (Knuth, volume 3, 6.4).
    private static let longestProbe = 512

    /// The largest id and one more.
    let size: Int

    /// The number of tokens.
    var count: Int { ids.count }

    private var bytes: [UInt8] = []
    /// Where each token ends in `bytes`, and the last one before the first.
    private var ends: [Int32] = [0]
    private var ids: [Int32] = []
    /// Index of a token and one more, at the place its hash gives or the next free one; 0 where none is.
    private var slots: [Int32] = []

    /// Reads a JSON object of tokens and ids; throws `ConfigurationError`.
    init(json file: URL) throws {
        var scanner = JSONScanner(try ConfigurationFile.bytes(of: file, limit: CLIPVocabulary.largestFile))
        do {
            try self.init(&scanner, file: file)
            try scanner.expectEnd()
        } catch let error as JSONError {
            throw ConfigurationError(file: file.path, reason: "not a valid vocabulary: \(error)")
        }
    }

    /// Takes a JSON object of tokens and ids off a text; throws `JSONError` or `ConfigurationError`.
    init(_ scanner: inout JSONScanner, file: URL) throws {
        var largest = -1
        try scanner.expect("{")
        if !scanner.skip("}") {
            repeat {
                try scanner.string(into: &bytes)
                try scanner.expect(":")
                guard let id = scanner.integer(), 0...CLIPVocabulary.largestID ~= id else {
                    throw scanner.failure("expected a token's id, a whole number from 0 on")
                }
                largest = max(largest, id)
                ends.append(Int32(truncatingIfNeeded: bytes.count))
                ids.append(Int32(truncatingIfNeeded: id))
            } while scanner.skip(",")
            try scanner.expect("}")
        }
        size = largest + 1
        slots = [Int32](repeating: 0, count: CLIPVocabulary.tableSize(forEntries: ids.count))
        for index in ids.indices {
            let token = self.token(index)
            func failure(_ reason: String) -> ConfigurationError {
                let name = String(decoding: token.prefix(60), as: UTF8.self)
                return ConfigurationError(file: file.path, reason: "the token “\(name)” \(reason)")
            }
            guard let slot = slot(of: token, []) else {
                throw failure("is one of too many that look alike: this is no vocabulary")
            }
            guard slots[slot] == 0 else { throw failure("comes twice") }
            slots[slot] = Int32(truncatingIfNeeded: index + 1)
        }
    }

    /// The id of the token whose bytes are those of `first` followed by those of `second`.
    func id(of first: ArraySlice<UInt8>, _ second: ArraySlice<UInt8> = []) -> Int32? {
        guard let slot = slot(of: first, second), slots[slot] != 0 else { return nil }
        return ids[Int(slots[slot]) - 1]
    }

    func id(of token: String) -> Int32? {
        id(of: Array(token.utf8)[...])
    }

    private func token(_ index: Int) -> ArraySlice<UInt8> {
        bytes[Int(ends[index])..<Int(ends[index + 1])]
    }

    /// Where the token is, or the free place for it; nil when neither is near its place.
    private func slot(of first: ArraySlice<UInt8>, _ second: ArraySlice<UInt8>) -> Int? {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325  // FNV-1a
        for byte in first { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        for byte in second { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        var slot = Int(truncatingIfNeeded: hash ^ hash >> 32) & (slots.count - 1)
        for _ in 0..<CLIPVocabulary.longestProbe {
            guard slots[slot] != 0 else { return slot }
            let candidate = token(Int(slots[slot]) - 1)
            if candidate.count == first.count + second.count, candidate.starts(with: first),
                candidate.dropFirst(first.count).elementsEqual(second)
            {
                return slot
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// A power of two, so that the table is at most half full.
    private static func tableSize(forEntries count: Int) -> Int {
        var size = 16
        while size < 2 * count { size *= 2 }
        return size
    }
}
