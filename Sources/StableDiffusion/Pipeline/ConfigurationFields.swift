import Foundation

/// One value of a JSON configuration.
package enum JSONValue: Equatable, Sendable, Decodable {
    case null
    case boolean(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .boolean(value)
        } else if let value = try? container.decode(Int.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }
}

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral
{
    package init(nilLiteral: ()) { self = .null }
    package init(booleanLiteral value: Bool) { self = .boolean(value) }
    package init(integerLiteral value: Int) { self = .integer(value) }
    package init(floatLiteral value: Double) { self = .number(value) }
    package init(stringLiteral value: String) { self = .string(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
}

extension JSONValue: CustomStringConvertible {
    package var description: String {
        switch self {
        case .null: "null"
        case .boolean(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .string(let value): "\"\(value)\""
        case .array(let values): "[\(values.map(\.description).joined(separator: ", "))]"
        case .object: "an object"
        }
    }
}

/// The fields of a model part's `config.json`; those that it leaves out have the defaults of the part's Python class.
///
/// A field that the class does not know changes nothing there and nothing here.
package struct ConfigurationFields {
    /// The file as errors name it.
    let file: String
    private let fields: [String: JSONValue]

    package init(_ fields: [String: JSONValue], file: String, defaults: [String: JSONValue]) {
        self.file = file
        self.fields = defaults.merging(fields) { _, given in given }
    }

    /// - Throws: `ModelError.unreadable`
    package init(contentsOf url: URL, defaults: [String: JSONValue]) throws {
        self.init(try Self.object(in: url), file: url.path, defaults: defaults)
    }

    /// The JSON object in a file of at most 1 MiB, larger than any configuration.
    static func object(in url: URL) throws -> [String: JSONValue] {
        let file = url.resolvingSymlinksInPath()
        let attributes = try? FileManager.default.attributesOfItem(atPath: file.path)
        guard let attributes else { throw ModelError.unreadable(file: url.path, reason: "no such file") }
        guard attributes[.type] as? FileAttributeType == .typeRegular, let size = attributes[.size] as? Int,
            size <= 1 << 20
        else { throw ModelError.unreadable(file: url.path, reason: "not a configuration file") }
        guard let data = try? Data(contentsOf: file) else {
            throw ModelError.unreadable(file: url.path, reason: "cannot be read (check its permissions)")
        }
        guard let object = try? JSONDecoder().decode([String: JSONValue].self, from: data) else {
            throw ModelError.unreadable(file: url.path, reason: "not a JSON object")
        }
        return object
    }

    func value(_ field: String) -> JSONValue { fields[field] ?? .null }

    func refusal(_ field: String, _ reason: String) -> ModelError {
        .unsupported(file: file, field: field, value: value(field).description, reason: reason)
    }

    func boolean(_ field: String) throws -> Bool {
        guard case .boolean(let value) = value(field) else { throw refusal(field, "expected true or false") }
        return value
    }

    func string(_ field: String) throws -> String {
        guard case .string(let value) = value(field) else { throw refusal(field, "expected a string") }
        return value
    }

    func integer(_ field: String, in range: ClosedRange<Int>) throws -> Int {
        guard case .integer(let value) = value(field), range.contains(value) else {
            throw refusal(field, "expected a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func number(_ field: String) throws -> Double {
        switch value(field) {
        case .integer(let value): return Double(value)
        case .number(let value) where value.isFinite: return value
        default: throw refusal(field, "expected a number")
        }
    }

    /// A number that is above zero as a float32.
    func positiveNumber(_ field: String) throws -> Float {
        let value = Float(try number(field))
        guard value > 0, value.isFinite else { throw refusal(field, "expected a number above zero") }
        return value
    }

    /// A list of whole numbers.
    func integers(_ field: String, in range: ClosedRange<Int>) throws -> [Int] {
        guard case .array(let values) = value(field) else { throw refusal(field, "expected a list") }
        return try values.map {
            guard case .integer(let value) = $0, range.contains(value) else {
                throw refusal(field, "expected whole numbers from \(range.lowerBound) to \(range.upperBound)")
            }
            return value
        }
    }

    /// One whole number for each level: given as a list, or as one number for all.
    func integers(_ field: String, levels: Int, in range: ClosedRange<Int>) throws -> [Int] {
        guard case .array = value(field) else {
            return Array(repeating: try integer(field, in: range), count: levels)
        }
        let values = try integers(field, in: range)
        guard values.count == levels else { throw refusal(field, "expected \(levels) numbers, one for each level") }
        return values
    }

    /// A name for each level out of those that are supported.
    func names<Name: RawRepresentable & CaseIterable>(_ field: String, levels: Int) throws -> [Name]
    where Name.RawValue == String {
        guard case .array(let values) = value(field), values.count == levels else {
            throw refusal(field, "expected \(levels) names, one for each level")
        }
        return try values.map {
            guard case .string(let value) = $0, let name = Name(rawValue: value) else {
                let known = Name.allCases.map(\.rawValue).joined(separator: ", ")
                throw refusal(field, "of which only \(known) are supported")
            }
            return name
        }
    }

    /// Refuses the configuration if one of the fields differs from its class's default.
    func requireDefaults(of names: [String], _ defaults: [String: JSONValue]) throws {
        for name in names {
            guard let expected = defaults[name], value(name).isSame(as: expected) else {
                throw refusal(name, "and only \(defaults[name] ?? .null) is supported")
            }
        }
    }
}

extension JSONValue {
    /// Equality that takes 1 and 1.0 for the same number, as Python does.
    fileprivate func isSame(as other: JSONValue) -> Bool {
        switch (self, other) {
        case (.integer(let a), .number(let b)), (.number(let b), .integer(let a)): Double(a) == b
        default: self == other
        }
    }
}
