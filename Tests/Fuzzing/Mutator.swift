import TestSupport

/// Makes the inputs of a case: each a seed with 1 to 16 changes, the same for the same number on every machine.
package struct Mutator {
    private static let longestInput = 1 << 17
    private static let bytes: [UInt8] = [0, 1, 2, 8, 0x20, 0x7F, 0x80, 0xC0, 0xFE, 0xFF]
    private static let integers: [UInt64] = [
        0, 1, 2, 3, 7, 8, 16, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0xFF_FFFF, 0x7FFF_FFFF,
        0x8000_0000, 0xFFFF_FFFF, 0x1_0000_0000, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, 0xFFFF_FFFF_FFFF_FFFF,
    ]
    private static let numbers = [
        "0", "-1", "1", "1.5", "1e308", "1e400", "1e-400", "-0.0", "NaN", "Infinity", "-Infinity", "2147483648",
        "4294967296", "9223372036854775807", "9223372036854775808", "18446744073709551616", "null", "true", "\"\"",
        "[]",
        "{}", "[[[[", "{\"a\":",
    ].map { Array($0.utf8) }

    private let seeds: [[UInt8]]
    private let words: [[UInt8]]
    private let repair: (inout [UInt8]) -> Void
    private let salt: UInt64

    package init(_ fuzzCase: FuzzCase) throws {
        seeds = try fuzzCase.seeds()
        precondition(!seeds.isEmpty, "no seeds for \(fuzzCase.name)")
        words = fuzzCase.words.map { Array($0.utf8) }
        repair = fuzzCase.repair
        salt = fuzzCase.name.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    /// The input of this number. The first ones are the seeds themselves.
    package func input(_ number: Int) -> [UInt8] {
        if number < seeds.count { return seeds[number] }
        var random = RandomValues(seed: salt &+ UInt64(number) &* 0x9E37_79B9_7F4A_7C15)
        var input = seeds[random.int(in: 0...seeds.count - 1)]
        for _ in 0..<(1 << max(random.int(in: -2...4), 0)) {
            mutate(&input, &random)
            if input.count > Self.longestInput { input.removeLast(input.count - Self.longestInput) }
        }
        if random.int(in: 0...3) > 0 { repair(&input) }
        return input
    }

    private func mutate(_ input: inout [UInt8], _ random: inout RandomValues) {
        func pick<Element>(_ choices: [Element]) -> Element { choices[random.int(in: 0...choices.count - 1)] }
        /// A run of up to `longest` bytes of an array of `count`; short ones are likelier.
        func range(_ count: Int, longest: Int = 1 << 12) -> Range<Int> {
            let start = random.int(in: 0...count)
            let longest = min(count - start, longest >> random.int(in: 0...11))
            return start..<start + (longest > 0 ? random.int(in: 0...longest) : 0)
        }
        func overwrite(at place: Int, with bytes: [UInt8]) {
            for (index, byte) in bytes.enumerated() where place + index < input.count { input[place + index] = byte }
        }
        let place = random.int(in: 0...max(input.count - 1, 0))
        switch random.int(in: 0...13) {
        case 0 where !input.isEmpty: input[place] ^= 1 << random.int(in: 0...7)
        case 1 where !input.isEmpty: input[place] = UInt8(truncatingIfNeeded: random.next())
        case 2 where !input.isEmpty: input[place] = pick(Self.bytes)
        case 3 where !input.isEmpty: input[place] &+= UInt8(bitPattern: Int8(random.int(in: -4...4)))
        case 4, 5:
            let size = pick([2, 4, 8])
            let value = pick(Self.integers)
            let bytes = (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
            overwrite(at: place, with: random.int(in: 0...1) == 0 ? bytes : bytes.reversed())
        case 6: input.removeSubrange(range(input.count))
        case 7: input.insert(contentsOf: input[range(input.count)], at: min(place, input.count))
        case 8:
            let other = pick(seeds)
            input.replaceSubrange(range(input.count), with: other[range(other.count)])
        case 9 where random.int(in: 0...3) == 0: input.removeLast(input.count - min(place, input.count))
        case 10 where !words.isEmpty: overwrite(at: place, with: pick(words))
        case 11 where !words.isEmpty: input.insert(contentsOf: pick(words), at: min(place, input.count))
        case 12: replaceNumber(in: &input, from: place, with: pick(Self.numbers))
        default:
            let repeated = [UInt8](repeating: pick(Self.bytes), count: random.int(in: 1...64))
            input.insert(contentsOf: repeated, at: min(place, input.count))
        }
    }

    /// Replaces the first run of decimal digits from a place on; inputs that are no text seldom have one.
    private func replaceNumber(in input: inout [UInt8], from place: Int, with number: [UInt8]) {
        guard let start = input[min(place, input.count)...].firstIndex(where: { 0x30...0x39 ~= $0 }) else { return }
        let end = input[start...].firstIndex { !(0x30...0x39 ~= $0) } ?? input.count
        input.replaceSubrange(start..<end, with: number)
    }
}
