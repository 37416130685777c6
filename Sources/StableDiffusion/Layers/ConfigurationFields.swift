import Foundation

/// The fields of a model part's `config.json`; those that it leaves out have the defaults of the part's Python class.
///
/// A field that the class does not know changes nothing there and nothing here. All errors are `ConfigurationError`s.
package struct ConfigurationFields {
    private let file: String
    private let fields: [String: JSONValue]
    private let defaults: [String: JSONValue]

    package init(_ fields: [String: JSONValue], file: String, defaults: [String: JSONValue]) {
        self.file = file
        self.fields = fields
        self.defaults = defaults
    }

    init(contentsOf url: URL, defaults: [String: JSONValue]) throws {
        self.init(try ConfigurationFile.fields(of: url), file: url.path, defaults: defaults)
    }

    func value(_ field: String) -> JSONValue { fields[field] ?? defaults[field] ?? .null }

    /// The error that names a field and its value; `reason` completes "FIELD is VALUE, ".
    func refusal(_ field: String, _ reason: String) -> ConfigurationError {
        ConfigurationError(file: file, reason: "\(field) is \(value(field)), \(reason)")
    }

    func boolean(_ field: String) throws -> Bool {
        guard case .bool(let value) = value(field) else { throw refusal(field, "expected true or false") }
        return value
    }

    func string(_ field: String) throws -> String {
        guard case .string(let value) = value(field) else { throw refusal(field, "expected a string") }
        return value
    }

    func number(_ field: String) throws -> Double {
        guard case .number(let value) = value(field), value.isFinite else { throw refusal(field, "expected a number") }
        return value
    }

    /// A number that is above zero as a float32.
    func positiveNumber(_ field: String) throws -> Float {
        let value = Float(try number(field))
        guard value > 0, value.isFinite else { throw refusal(field, "expected a number above zero") }
        return value
    }

    func integer(_ field: String, in range: ClosedRange<Int>) throws -> Int {
        try integer(value(field), of: field, in: range)
    }

    /// A list of whole numbers.
    func integers(_ field: String, in range: ClosedRange<Int>) throws -> [Int] {
        guard case .array(let values) = value(field) else { throw refusal(field, "expected a list") }
        return try values.map { try integer($0, of: field, in: range) }
    }

    /// One whole number for each level: given as a list, or as one number for all.
    func integers(_ field: String, levels: Int, in range: ClosedRange<Int>) throws -> [Int] {
        guard case .array = value(field) else {
            return Array(repeating: try integer(field, in: range), count: levels)
        }
        let values = try integers(field, in: range)
        guard values.count == levels else { throw refusal(field, "expected \(levels), one for each level") }
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
                let known = Name.allCases.map(\.rawValue).joined(separator: " and ")
                throw ConfigurationError(file: file, reason: "\(field) holds \($0), but only \(known) are supported")
            }
            return name
        }
    }

    /// Refuses the configuration if one of the fields differs from its class's default.
    func requireDefaults(of names: [String]) throws {
        for name in names {
            let expected = defaults[name] ?? .null
            guard value(name) == expected else { throw refusal(name, "but only \(expected) is supported") }
        }
    }

    private func integer(_ value: JSONValue, of field: String, in range: ClosedRange<Int>) throws -> Int {
        guard case .number(let number) = value, let integer = Int(exactly: number), range.contains(integer) else {
            throw refusal(field, "expected whole numbers from \(range.lowerBound) to \(range.upperBound)")
        }
        return integer
    }
}

/// Tables of defaults are written as the Python classes write them.
extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral
{
    package init(nilLiteral: ()) { self = .null }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(integerLiteral value: Int) { self = .number(Double(value)) }
    package init(floatLiteral value: Double) { self = .number(value) }
    package init(stringLiteral value: String) { self = .string(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
}
