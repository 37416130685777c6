import Foundation

/// Merges a piece's bytes to tokens: always the pair of lowest rank next, the leftmost of equals.
struct BytePairEncoding {
    private struct Merge {
        let rank: Int32
        let token: Int32
    }

    /// Thirty times CLIP's.
    private static let largestFile = 16 << 20
    private static let endOfWord = Array("</w>".utf8)

    /// Tokens of single bytes, inside a piece and at its end.
    private let byteTokens: [Int32]
    private let lastByteTokens: [Int32]
    private let merges: [UInt64: Merge]

    /// Reads `merges.txt`: one pair a line, the first of lowest rank; throws `ConfigurationError`.
    ///
    /// Bytes that the vocabulary lacks become `unknownToken`.
    init(merges file: URL, vocabulary: CLIPVocabulary, unknownToken: Int32) throws {
        let text = try ConfigurationFile.bytes(of: file, limit: BytePairEncoding.largestFile)
        guard !text.isEmpty else { throw ConfigurationError(file: file.path, reason: "the file is empty") }
        try self.init(file: file, vocabulary: vocabulary, unknownToken: unknownToken, expected: text.count / 16) {
            add in
            var number = 0
            var start = 0
            while start < text.count {
                number += 1
                let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) ?? text.count
                var line = text[start..<end]
                start = end + 1
                if line.last == UInt8(ascii: "\r") { line.removeLast() }
                if line.isEmpty || (number == 1 && line.starts(with: "#version".utf8)) { continue }
                try add(line, "line \(number)")
            }
        }
    }

    /// - Parameters:
    ///   - file: what errors name.
    ///   - expected: how many merges there may be, about.
    ///   - forEach: calls its argument with each pair, a space between its tokens, and with what errors call its place.
    init(
        file: URL, vocabulary: CLIPVocabulary, unknownToken: Int32, expected: Int,
        forEach: ((_ pair: ArraySlice<UInt8>, _ place: @autoclosure () -> String) throws -> Void) throws -> Void
    ) throws {
        let symbols = BytePairEncoding.byteSymbols()
        byteTokens = symbols.map { vocabulary.id(of: $0[...]) ?? unknownToken }
        lastByteTokens = symbols.map {
            vocabulary.id(of: $0[...], BytePairEncoding.endOfWord[...]) ?? unknownToken
        }
        var merges: [UInt64: Merge] = [:]
        merges.reserveCapacity(min(expected, 1 << 17))
        var rank: Int32 = 0
        try forEach { pair, place in
            func failure(_ reason: String) -> ConfigurationError {
                ConfigurationError(file: file.path, reason: "\(place()): \(reason)")
            }
            guard let space = pair.firstIndex(of: UInt8(ascii: " ")) else {
                throw failure("expected two tokens with a space between")
            }
            let (left, right) = (pair[..<space], pair[(space + 1)...])
            guard let leftToken = vocabulary.id(of: left), let rightToken = vocabulary.id(of: right),
                let token = vocabulary.id(of: left, right)
            else {
                let pair = String(decoding: pair.prefix(60), as: UTF8.self)
                throw failure("“\(pair)” or what it merges to is not in the vocabulary")
            }
            merges[BytePairEncoding.key(leftToken, rightToken)] = Merge(rank: rank, token: token)
            rank += 1
            guard rank <= vocabulary.count else {
                throw failure("there are more merges than tokens that they could make")
            }
        }
        self.merges = merges
    }

    /// Appends the tokens of one piece of text, given as UTF-8.
    ///
    /// Takes time in n log n, however long the piece: candidates wait in a heap, ordered by rank and place.
    func encode(_ piece: [UInt8], into tokens: inout [Int]) {
        guard let last = piece.last else { return }
        var symbols = piece.dropLast().map { byteTokens[Int($0)] } + [lastByteTokens[Int(last)]]
        if symbols.count == 1 {
            tokens.append(Int(symbols[0]))
            return
        }
        // Merged symbols stay at their first byte's place; the rest is skipped by way of the neighbours.
        let count = symbols.count
        var next = Array(1...count)
        var previous = Array(-1..<(count - 1))
        var isGone = [Bool](repeating: false, count: count)
        var heap = MinimumHeap()
        func merge(at left: Int) -> Merge? {
            next[left] < count ? merges[BytePairEncoding.key(symbols[left], symbols[next[left]])] : nil
        }
        func push(_ left: Int) {
            if let candidate = merge(at: left) {
                heap.push(UInt64(candidate.rank) << 32 | UInt64(left))
            }
        }
        for left in 0..<(count - 1) { push(left) }
        while let candidate = heap.pop() {
            let left = Int(candidate & 0xFFFF_FFFF)
            // Passed over when one of the pair has been merged meanwhile.
            guard !isGone[left], let merge = merge(at: left), UInt64(merge.rank) == candidate >> 32 else { continue }
            symbols[left] = merge.token
            let right = next[left]
            isGone[right] = true
            next[left] = next[right]
            if next[left] < count { previous[next[left]] = left }
            if previous[left] >= 0 { push(previous[left]) }
            push(left)
        }
        var place = 0
        while place < count {
            tokens.append(Int(symbols[place]))
            place = next[place]
        }
    }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// How vocabularies spell each byte: printable Latin-1 as itself, the rest as U+0100 on (GPT-2's
    /// `bytes_to_unicode`), in UTF-8.
    private static func byteSymbols() -> [[UInt8]] {
        var unprintable: UInt32 = 0x100
        return (UInt8.min...UInt8.max).map { byte in
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF:
                return Array(String(Unicode.Scalar(byte)).utf8)
            default:
                defer { unprintable += 1 }
                return Unicode.Scalar(unprintable).map { Array(String($0).utf8) } ?? []
            }
        }
    }
}

/// A binary heap that gives back its smallest value first.
private struct MinimumHeap {
    private var values: [UInt64] = []

    mutating func push(_ value: UInt64) {
        var index = values.count
        values.append(value)
        while index > 0, values[(index - 1) / 2] > value {
            values[index] = values[(index - 1) / 2]
            index = (index - 1) / 2
        }
        values[index] = value
    }

    mutating func pop() -> UInt64? {
        guard let smallest = values.first, let last = values.popLast() else { return nil }
        var index = 0
        while 2 * index + 1 < values.count {
            var child = 2 * index + 1
            if child + 1 < values.count, values[child + 1] < values[child] { child += 1 }
            if values[child] >= last { break }
            values[index] = values[child]
            index = child
        }
        if !values.isEmpty { values[index] = last }
        return smallest
    }
}
