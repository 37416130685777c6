import Checkpoints
import Foundation

/// A tokenizer's `vocab.json`: ids by the tokens' UTF-8 bytes.
///
/// A hash table over one run of bytes, because reading the 49,408 tokens and resolving the merges is on the path of
/// every start: it takes a fraction of what a `Dictionary` of strings does.
struct CLIPVocabulary {
    private static let largestFile = 64 << 20
    private static let largestID = 1 << 24

    /// The largest id and one more.
    let size: Int

    private var bytes: [UInt8] = []
    /// Where each token ends in `bytes`, and the last one before the first.
    private var ends: [Int32] = [0]
    private var ids: [Int32] = []
    /// Index of a token and one more, at the place its hash gives or the next free one; 0 where none is.
    private var slots: [Int32] = []

    /// Reads a JSON object of tokens and ids; throws `ConfigurationError`.
    init(json file: URL) throws {
        let text = try ConfigurationFile.bytes(of: file, limit: CLIPVocabulary.largestFile)
        var scanner = JSONScanner(text)
        var largest = -1
        do {
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
            try scanner.expectEnd()
        } catch let error as JSONError {
            throw ConfigurationError(file: file.path, reason: "not a valid vocabulary: \(error)")
        }
        size = largest + 1
        slots = [Int32](repeating: 0, count: CLIPVocabulary.tableSize(forEntries: ids.count))
        for index in ids.indices {
            let token = self.token(index)
            let slot = self.slot(of: token, [])
            guard slots[slot] == 0 else {
                let name = String(decoding: token, as: UTF8.self)
                throw ConfigurationError(file: file.path, reason: "the token “\(name.prefix(60))” comes twice")
            }
            slots[slot] = Int32(truncatingIfNeeded: index + 1)
        }
    }

    /// The id of the token whose bytes are those of `first` followed by those of `second`.
    func id(of first: ArraySlice<UInt8>, _ second: ArraySlice<UInt8> = []) -> Int32? {
        let entry = slots[slot(of: first, second)]
        return entry == 0 ? nil : ids[Int(entry) - 1]
    }

    func id(of token: String) -> Int32? {
        id(of: Array(token.utf8)[...])
    }

    private func token(_ index: Int) -> ArraySlice<UInt8> {
        bytes[Int(ends[index])..<Int(ends[index + 1])]
    }

    /// Where the token is, or the free place for it.
    private func slot(of first: ArraySlice<UInt8>, _ second: ArraySlice<UInt8>) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325  // FNV-1a
        for byte in first { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        for byte in second { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        var slot = Int(truncatingIfNeeded: hash ^ hash >> 32) & (slots.count - 1)
        while slots[slot] != 0 {
            let candidate = token(Int(slots[slot]) - 1)
            if candidate.count == first.count + second.count, candidate.starts(with: first),
                candidate.dropFirst(first.count).elementsEqual(second)
            {
                return slot
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        return slot
    }

    /// A power of two, so that the table is at most half full.
    private static func tableSize(forEntries count: Int) -> Int {
        var size = 16
        while size < 2 * count { size *= 2 }
        return size
    }
}
