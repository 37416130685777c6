/// A strict JSON reader (RFC 8259) that hands values to its caller one by one and builds no tree.
///
/// Weight files come from strangers: a header may be 100 MB of anything. Nothing is kept but what the caller keeps,
/// nesting is bounded, and each member is seen, so that duplicate names can be refused (Foundation's parser keeps one
/// of them silently).
struct JSONScanner {
    /// Nesting that values to be skipped may have; the formats read here need three levels.
    private static let depthLimit = 64

    private let bytes: UnsafeRawBufferPointer
    private let file: String
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer, file: String) {
        self.bytes = bytes
        self.file = file
    }

    /// Reads `{ "name": value, ... }`; `member` must consume exactly the value of the name it is given.
    mutating func object(_ member: (inout JSONScanner, String) throws -> Void) throws {
        try expect(UInt8(ascii: "{"))
        if consume(UInt8(ascii: "}")) { return }
        repeat {
            skipSpace()
            let name = try string()
            try expect(UInt8(ascii: ":"))
            try member(&self, name)
        } while consume(UInt8(ascii: ","))
        try expect(UInt8(ascii: "}"))
    }

    /// Reads `[ value, ... ]`; `element` must consume exactly one value a call.
    mutating func array(_ element: (inout JSONScanner) throws -> Void) throws {
        try expect(UInt8(ascii: "["))
        if consume(UInt8(ascii: "]")) { return }
        repeat { try element(&self) } while consume(UInt8(ascii: ","))
        try expect(UInt8(ascii: "]"))
    }

    /// Reads a number that is written as a non-negative integer and fits `Int`.
    mutating func count() throws -> Int {
        skipSpace()
        let start = position
        var value = 0
        while let byte = peek, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = scaled.addingReportingOverflow(Int(byte - UInt8(ascii: "0")))
            guard !overflow, !carry else { throw fault("a number is too large") }
            value = sum
            position += 1
        }
        guard position > start else { throw fault("a non-negative integer was expected") }
        guard position - start == 1 || bytes[start] != UInt8(ascii: "0") else { throw fault("a number starts with 0") }
        if let byte = peek, [UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains(byte) {
            throw fault("a non-negative integer was expected")
        }
        return value
    }

    mutating func string() throws -> String {
        try expect(UInt8(ascii: "\""))
        let start = position
        while let byte = peek, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { position += 1 }
        if peek == UInt8(ascii: "\"") {  // no escapes: the usual case, without a copy
            let text = try validated(bytes[start..<position])
            position += 1
            return text
        }
        var unescaped = [UInt8](bytes[start..<position])
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return try validated(unescaped)
            case UInt8(ascii: "\\"): try appendEscape(to: &unescaped)
            case ..<0x20: throw fault("a text holds a control character")
            default: unescaped.append(byte)
            }
        }
        throw fault("a text does not end")
    }

    /// Reads any value and forgets it.
    mutating func skipValue(depth: Int = 0) throws {
        guard depth < Self.depthLimit else { throw fault("values are nested too deeply") }
        skipSpace()
        switch peek {
        case UInt8(ascii: "{"): try object { scanner, _ in try scanner.skipValue(depth: depth + 1) }
        case UInt8(ascii: "["): try array { try $0.skipValue(depth: depth + 1) }
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        default: try skipNumber()
        }
    }

    /// Checks that nothing but white space is left.
    mutating func end() throws {
        skipSpace()
        guard position == bytes.count else { throw fault("there is text after the end") }
    }

    /// The error for what was found where the scanner stands.
    func fault(_ reason: String) -> CheckpointError {
        .malformed(file: file, reason: "its JSON is invalid at byte \(position): \(reason)")
    }

    // MARK: - Tokens

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func consume(_ byte: UInt8) -> Bool {
        skipSpace()
        guard peek == byte else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ byte: UInt8) throws {
        guard consume(byte) else {
            throw fault("'\(Character(UnicodeScalar(byte)))' was expected")
        }
    }

    private mutating func literal(_ word: StaticString) throws {
        for index in 0..<word.utf8CodeUnitCount {
            guard peek == word.utf8Start[index] else { throw fault("an unknown word") }
            position += 1
        }
    }

    private mutating func skipNumber() throws {
        func digits() throws {
            let start = position
            while let byte = peek, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { position += 1 }
            guard position > start else { throw fault("a value was expected") }
        }
        if peek == UInt8(ascii: "-") { position += 1 }
        if peek == UInt8(ascii: "0") { position += 1 } else { try digits() }
        if peek == UInt8(ascii: ".") {
            position += 1
            try digits()
        }
        if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
            position += 1
            if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
    }

    private func validated(_ utf8: some Sequence<UInt8>) throws -> String {
        guard let text = String(validating: utf8, as: UTF8.self) else { throw fault("a text is not valid UTF-8") }
        return text
    }

    private mutating func appendEscape(to text: inout [UInt8]) throws {
        guard let byte = peek else { throw fault("a text does not end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var code = UInt32(try hexUnit())
            if code >= 0xD800, code < 0xDC00, peek == UInt8(ascii: "\\") {
                position += 1
                guard peek == UInt8(ascii: "u") else { throw fault("half a surrogate pair") }
                position += 1
                let low = UInt32(try hexUnit())
                guard low >= 0xDC00, low < 0xE000 else { throw fault("half a surrogate pair") }
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
            }
            guard let scalar = UnicodeScalar(code) else { throw fault("half a surrogate pair") }
            text.append(contentsOf: UTF8.encode(scalar) ?? .init())
        default: throw fault("an unknown escape")
        }
    }

    /// Four hexadecimal digits.
    private mutating func hexUnit() throws -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = peek, let digit = Character(UnicodeScalar(byte)).hexDigitValue, byte < 0x80 else {
                throw fault("an escape needs four hexadecimal digits")
            }
            unit = unit << 4 | UInt16(digit)
            position += 1
        }
        return unit
    }
}
