import Checkpoints

/// A JSON value, for small configuration files.
package enum JSONValue: Equatable, Sendable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// No configuration nests deeper; the bound keeps a hostile file from exhausting the stack.
    private static let maximumDepth = 64

    /// Parses a whole JSON text; of a key given twice the last value counts, as in Python. Throws `JSONError`.
    package init(parsing bytes: [UInt8]) throws {
        var scanner = JSONScanner(bytes)
        self = try JSONValue.value(&scanner, depth: 0)
        try scanner.expectEnd()
    }

    /// Takes the next value off a text.
    init(_ scanner: inout JSONScanner) throws {
        self = try JSONValue.value(&scanner, depth: 0)
    }

    /// The fields of an object; nil for any other value.
    package var object: [String: JSONValue]? {
        if case .object(let fields) = self { fields } else { nil }
    }

    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    package var boolean: Bool? {
        if case .bool(let flag) = self { flag } else { nil }
    }

    package var number: Double? {
        if case .number(let value) = self { value } else { nil }
    }

    package var array: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The texts of a list; nil for any other value.
    package var strings: [String]? { array?.compactMap(\.string) }

    /// A whole number of a range; nil for any other value.
    func integer(in range: ClosedRange<Int>) -> Int? {
        number.flatMap { Int(exactly: $0) }.flatMap { range.contains($0) ? $0 : nil }
    }

    private static func value(_ scanner: inout JSONScanner, depth: Int) throws -> JSONValue {
        guard depth < maximumDepth else { throw scanner.failure("more than \(maximumDepth) nested values") }
        switch scanner.peek() {
        case UInt8(ascii: "{"): return .object(try fields(&scanner, depth: depth))
        case UInt8(ascii: "["): return .array(try elements(&scanner, depth: depth))
        case UInt8(ascii: "\""): return .string(try scanner.string())
        default:
            if scanner.skip(word: "true") { return .bool(true) }
            if scanner.skip(word: "false") { return .bool(false) }
            if scanner.skip(word: "null") { return .null }
            return .number(try scanner.number())
        }
    }

    private static func fields(_ scanner: inout JSONScanner, depth: Int) throws -> [String: JSONValue] {
        var fields: [String: JSONValue] = [:]
        try scanner.expect("{")
        if scanner.skip("}") { return fields }
        repeat {
            let name = try scanner.string()
            try scanner.expect(":")
            fields[name] = try value(&scanner, depth: depth + 1)
        } while scanner.skip(",")
        try scanner.expect("}")
        return fields
    }

    private static func elements(_ scanner: inout JSONScanner, depth: Int) throws -> [JSONValue] {
        var elements: [JSONValue] = []
        try scanner.expect("[")
        if scanner.skip("]") { return elements }
        repeat {
            elements.append(try value(&scanner, depth: depth + 1))
        } while scanner.skip(",")
        try scanner.expect("]")
        return elements
    }
}

extension JSONValue: CustomStringConvertible {
    /// The value as it would stand in the file, for error messages.
    package var description: String {
        switch self {
        case .null: "null"
        case .bool(let flag): "\(flag)"
        case .number(let value): value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
        case .string(let text): "“\(text.prefix(60))”"
        case .array(let elements): "a list of \(elements.count) values"
        case .object(let fields): "an object of \(fields.count) fields"
        }
    }
}
