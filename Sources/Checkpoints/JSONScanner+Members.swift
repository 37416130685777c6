/// Reading values one by one without building a tree: weight files come from strangers, and a header may be 100 MB of
/// anything. Each member is seen, so that duplicate names can be refused.
extension JSONScanner {
    /// Nesting that values to be skipped may have; the formats read here need three levels.
    private static let depthLimit = 64

    /// Reads `{ "name": value, ... }`; `member` must consume exactly the value of the name it is given.
    package mutating func object(_ member: (inout JSONScanner, String) throws -> Void) throws {
        try expect("{")
        if skip("}") { return }
        repeat {
            let name = try string()
            try expect(":")
            try member(&self, name)
        } while skip(",")
        try expect("}")
    }

    /// Reads an object of which the names do not matter; `value` must consume exactly one value per call.
    private mutating func skipObject(_ value: (inout JSONScanner) throws -> Void) throws {
        try expect("{")
        if skip("}") { return }
        repeat {
            try skipString()
            try expect(":")
            try value(&self)
        } while skip(",")
        try expect("}")
    }

    /// Reads `{ "name": "text", ... }`, or null, and keeps the first `limit` members; further ones cost no memory and little time.
    package mutating func texts(limit: Int) throws -> [String: String] {
        var kept: [String: String] = [:]
        if skip(word: "null") { return kept }
        try expect("{")
        if skip("}") { return kept }
        repeat {
            if kept.count < limit {
                let name = try string()
                try expect(":")
                kept[name] = try string()
            } else {
                try skipString()
                try expect(":")
                try skipString()
            }
        } while skip(",")
        try expect("}")
        return kept
    }

    /// Reads `[ value, ... ]`; `element` must consume exactly one value per call.
    package mutating func array(_ element: (inout JSONScanner) throws -> Void) throws {
        try expect("[")
        if skip("]") { return }
        repeat { try element(&self) } while skip(",")
        try expect("]")
    }

    /// Reads a number that is written as a non-negative integer and fits `Int`.
    mutating func count() throws -> Int {
        let first = peek()
        let start = offset
        guard let value = integer(), value >= 0, first != UInt8(ascii: "-") else {
            throw failure("expected a non-negative integer")
        }
        guard offset - start == 1 || first != UInt8(ascii: "0") else { throw failure("a number starts with 0") }
        return value
    }

    /// Reads any value and forgets it.
    package mutating func skipValue(depth: Int = 0) throws {
        guard depth < Self.depthLimit else { throw failure("values are nested too deeply") }
        switch peek() {
        case UInt8(ascii: "{"): try skipObject { try $0.skipValue(depth: depth + 1) }
        case UInt8(ascii: "["): try array { try $0.skipValue(depth: depth + 1) }
        case UInt8(ascii: "\""): try skipString()
        default:
            if skip(word: "true") || skip(word: "false") || skip(word: "null") { return }
            _ = try number()
        }
    }

    /// Runs a reader of `file` and makes its `JSONError` a `CheckpointError`.
    static func reading(_ file: String, _ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as JSONError {
            throw CheckpointError.malformed(file: file, reason: "its JSON is invalid: \(error)")
        }
    }
}
