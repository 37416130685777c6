/// What is wrong with a JSON text, and at which byte.
package struct JSONError: Error, Equatable, CustomStringConvertible {
    package let reason: String
    package let offset: Int

    package init(reason: String, offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    package var description: String { "\(reason) at byte \(offset)" }
}

/// Reads JSON tokens off UTF-8 bytes, one at a time, for readers that want no tree (a vocabulary of 49,408 entries) and
/// for `JSONValue`, which builds one.
///
/// Beyond RFC 8259 it takes `NaN`, `Infinity` and `-Infinity`, which Python's `json` writes and real scheduler files
/// hold; Foundation's reader refuses them.
package struct JSONScanner {
    private let bytes: [UInt8]
    package private(set) var offset = 0

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { offset = 3 }  // byte order mark
    }

    /// The next byte that is not white space, not consumed; nil at the end.
    package mutating func peek() -> UInt8? {
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x20, 0x09, 0x0A, 0x0D: offset += 1
            default: return bytes[offset]
            }
        }
        return nil
    }

    /// Consumes the byte, if it is the next that is not white space.
    package mutating func skip(_ byte: Unicode.Scalar) -> Bool {
        guard peek() == UInt8(ascii: byte) else { return false }
        offset += 1
        return true
    }

    /// Consumes the byte or throws.
    package mutating func expect(_ byte: Unicode.Scalar) throws {
        if !skip(byte) { throw failure("expected “\(byte)”") }
    }

    /// Throws unless only white space is left.
    package mutating func expectEnd() throws {
        if peek() != nil { throw failure("unexpected text after the value") }
    }

    package func failure(_ reason: String) -> JSONError {
        JSONError(reason: offset < bytes.count ? reason : "the text ends too early", offset: offset)
    }

    // MARK: - Strings

    /// Appends a string's UTF-8 bytes, unescaped and without its quotes, to `buffer`.
    package mutating func string(into buffer: inout [UInt8]) throws {
        try expect("\"")
        var runStart = offset
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: "\""):
                buffer.append(contentsOf: bytes[runStart..<offset])
                offset += 1
                return
            case UInt8(ascii: "\\"):
                buffer.append(contentsOf: bytes[runStart..<offset])
                try escape(into: &buffer)
                runStart = offset
            case 0..<0x20:
                throw failure("a control character inside a string")
            default:
                offset += 1
            }
        }
        throw failure("a string without its end")
    }

    /// The next string.
    package mutating func string() throws -> String {
        let start = offset
        var buffer: [UInt8] = []
        try string(into: &buffer)
        guard let text = String(validating: buffer, as: UTF8.self) else {
            throw JSONError(reason: "a string that is not valid UTF-8", offset: start)
        }
        return text
    }

    /// Consumes a string without keeping it; what it may hold is what `string` takes.
    package mutating func skipString() throws {
        try expect("\"")
        let start = offset
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: "\""):
                offset += 1
                return
            case UInt8(ascii: "\\"), 0..<0x20, 0x80...:
                // Only these can be wrong.
                offset = start - 1
                _ = try string()
                return
            default: offset += 1
            }
        }
        throw failure("a string without its end")
    }

    private mutating func escape(into buffer: inout [UInt8]) throws {
        guard offset + 1 < bytes.count else { throw failure("a string without its end") }
        let kind = bytes[offset + 1]
        switch kind {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): buffer.append(kind)
        case UInt8(ascii: "b"): buffer.append(0x08)
        case UInt8(ascii: "f"): buffer.append(0x0C)
        case UInt8(ascii: "n"): buffer.append(0x0A)
        case UInt8(ascii: "r"): buffer.append(0x0D)
        case UInt8(ascii: "t"): buffer.append(0x09)
        case UInt8(ascii: "u"):
            try unicodeEscape(into: &buffer)
            return
        default: throw failure("an unknown escape in a string")
        }
        offset += 2
    }

    /// `\uXXXX`, or two of them for a scalar beyond the first plane.
    private mutating func unicodeEscape(into buffer: inout [UInt8]) throws {
        var code = try codeUnit()
        if 0xD800..<0xDC00 ~= code {
            let low = try codeUnit()
            guard 0xDC00..<0xE000 ~= low else { throw failure("half of a surrogate pair in a string") }
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw failure("half of a surrogate pair in a string") }
        buffer.append(contentsOf: String(scalar).utf8)
    }

    private mutating func codeUnit() throws -> UInt32 {
        guard offset + 6 <= bytes.count, bytes[offset] == UInt8(ascii: "\\"), bytes[offset + 1] == UInt8(ascii: "u")
        else { throw failure("half of a surrogate pair in a string") }
        var code: UInt32 = 0
        for byte in bytes[(offset + 2)..<(offset + 6)] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw failure("an unknown escape in a string")
            }
            code = code << 4 | UInt32(digit)
        }
        offset += 6
        return code
    }

    // MARK: - Numbers and names

    /// A whole number without fraction or exponent, or nil (nothing consumed but white space) when there is none.
    package mutating func integer() -> Int? {
        guard peek() != nil else { return nil }
        var end = offset
        let isNegative = bytes[end] == UInt8(ascii: "-")
        if isNegative { end += 1 }
        let digitsStart = end
        var value = 0
        while end < bytes.count, 0x30...0x39 ~= bytes[end] {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(bytes[end] - 0x30))
            guard !overflow, !carry else { return nil }
            value = sum
            end += 1
        }
        guard end > digitsStart, end == bytes.count || !isNumberByte(bytes[end]) else { return nil }
        offset = end
        return isNegative ? -value : value
    }

    /// Any number, `NaN` and infinities too.
    package mutating func number() throws -> Double {
        _ = peek()
        let start = offset
        while offset < bytes.count, isNumberByte(bytes[offset]) { offset += 1 }
        let text = bytes[start..<offset]
        if Self.isNumber(text), let value = Double(String(decoding: text, as: UTF8.self)), value.isFinite {
            return value
        }
        offset = start
        if skip(word: "NaN") { return .nan }
        if skip(word: "Infinity") { return .infinity }
        if skip(word: "-Infinity") { return -.infinity }
        throw failure("expected a value")
    }

    /// Consumes a bare word such as `true`, if it comes next.
    package mutating func skip(word: StaticString) -> Bool {
        _ = peek()
        return word.withUTF8Buffer { expected in
            guard bytes[offset...].starts(with: expected) else { return false }
            offset += expected.count
            return true
        }
    }

    /// Whether the bytes are `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`, which is less than `Double` accepts.
    private static func isNumber(_ bytes: ArraySlice<UInt8>) -> Bool {
        var rest = bytes
        func skip(_ choices: String) -> Bool {
            guard let first = rest.first, choices.utf8.contains(first) else { return false }
            rest.removeFirst()
            return true
        }
        func digits() -> Bool {
            let count = rest.prefix { 0x30...0x39 ~= $0 }.count
            rest.removeFirst(count)
            return count > 0
        }
        _ = skip("-")
        guard skip("0") || digits() else { return false }
        if skip("."), !digits() { return false }
        if skip("eE") {
            _ = skip("+-")
            if !digits() { return false }
        }
        return rest.isEmpty
    }

    private func isNumberByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "e"),
            UInt8(ascii: "E"):
            return true
        default: return false
        }
    }
}
