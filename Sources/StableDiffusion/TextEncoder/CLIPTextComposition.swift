import Foundation

/// Unicode's composed normal form (NFC, UAX 15) in time linear in the text.
///
/// Foundation's own takes time in the square of the length: minutes for a megabyte of accents. It serves here for the
/// decomposition of single scalars and the composition of pairs, each asked once per text.
struct CLIPTextComposition {
    private var decompositions: [Unicode.Scalar: [Unicode.Scalar]] = [:]
    private var compositions: [UInt64: Unicode.Scalar?] = [:]

    /// Below U+0300, the first combining mark, text is composed already.
    static func isComposed(_ scalars: ArraySlice<Unicode.Scalar>) -> Bool {
        scalars.allSatisfy { $0.value < 0x300 }
    }

    mutating func compose(_ scalars: ArraySlice<Unicode.Scalar>) -> [Unicode.Scalar] {
        var decomposed: [Unicode.Scalar] = []
        decomposed.reserveCapacity(scalars.count)
        for scalar in scalars { appendDecomposition(of: scalar, to: &decomposed) }
        CLIPTextComposition.orderMarks(&decomposed)

        var composed: [Unicode.Scalar] = []
        composed.reserveCapacity(decomposed.count)
        var starter: Int?  // where in `composed` the last base character is
        var lastClass = 0  // the class of the last mark kept since then
        for scalar in decomposed {
            let markClass = CLIPTextComposition.combiningClass(scalar)
            if let base = starter, base == composed.count - 1 || lastClass < markClass,
                let composite = composite(of: composed[base], scalar, markClass: markClass)
            {
                composed[base] = composite
                continue
            }
            if markClass == 0 { starter = composed.count }
            lastClass = markClass
            composed.append(scalar)
        }
        return composed
    }

    private mutating func appendDecomposition(of scalar: Unicode.Scalar, to result: inout [Unicode.Scalar]) {
        if scalar.value < 0xC0 {
            result.append(scalar)
        } else if let known = decompositions[scalar] {
            result.append(contentsOf: known)
        } else {
            let scalars = Array(String(scalar).decomposedStringWithCanonicalMapping.unicodeScalars)
            decompositions[scalar] = scalars
            result.append(contentsOf: scalars)
        }
    }

    /// Sorts each run of marks by class, keeping the order of those of one class.
    private static func orderMarks(_ scalars: inout [Unicode.Scalar]) {
        var index = 0
        while index < scalars.count {
            let end = scalars[index...].firstIndex { combiningClass($0) == 0 } ?? scalars.count
            if end - index > 1 {
                let marks = scalars[index..<end].map { ($0, combiningClass($0)) }
                // Foundation's and the standard library's sorts are stable.
                scalars.replaceSubrange(index..<end, with: marks.sorted { $0.1 < $1.1 }.map(\.0))
            }
            index = end + 1
        }
    }

    private mutating func composite(
        of base: Unicode.Scalar, _ mark: Unicode.Scalar, markClass: Int
    ) -> Unicode.Scalar? {
        if let syllable = CLIPTextComposition.hangulSyllable(base.value, mark.value) { return syllable }
        guard markClass > 0 || CLIPTextComposition.mayComposeWithoutClass(mark) else { return nil }
        let key = UInt64(base.value) << 32 | UInt64(mark.value)
        if let known = compositions[key] { return known }
        // The base is taken apart again: added to some composites, the standard library leaves a vowel sign by itself.
        var apart: [Unicode.Scalar] = []
        appendDecomposition(of: base, to: &apart)
        var pair = String.UnicodeScalarView()
        pair.append(contentsOf: apart + [mark])
        let scalars = Array(String(pair).precomposedStringWithCanonicalMapping.unicodeScalars)
        let composite = scalars.count == 1 ? scalars[0] : nil
        compositions[key] = .some(composite)
        return composite
    }

    /// Hangul's syllables are composed by arithmetic (Unicode 3.12); the standard library takes letters for vowels and
    /// final consonants that are none.
    private static func hangulSyllable(_ first: UInt32, _ second: UInt32) -> Unicode.Scalar? {
        let finalCount: UInt32 = 28
        if 0x1100...0x1112 ~= first, 0x1161...0x1175 ~= second {
            return Unicode.Scalar(0xAC00 + ((first - 0x1100) * 21 + second - 0x1161) * finalCount)
        }
        if 0xAC00...0xD7A3 ~= first, (first - 0xAC00) % finalCount == 0, 0x11A8...0x11C2 ~= second {
            return Unicode.Scalar(first + second - 0x11A7)
        }
        return nil
    }

    /// Whether a scalar that is no mark of a class may still combine with the one before it: vowel signs of several
    /// scripts, and Kirat Rai's vowels, which are letters.
    private static func mayComposeWithoutClass(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x300 { return false }
        let category = scalar.properties.generalCategory
        return category == .spacingMark || category == .nonspacingMark || 0x16D60...0x16D7F ~= scalar.value
    }

    private static func combiningClass(_ scalar: Unicode.Scalar) -> Int {
        scalar.value < 0x300 ? 0 : Int(scalar.properties.canonicalCombiningClass.rawValue)
    }
}
