import Foundation

/// The fields of one of a model's configuration files, the one reader of all of them. Those that a file leaves out have the
/// defaults of the Python class that it is for.
///
/// A field's type is checked when it is read and not before: a field that nothing reads may be left over from another
/// class, and must not matter. All errors are `ConfigurationError`s.
package struct ConfigurationFields: Sendable {
    private let file: String
    private let fields: [String: JSONValue]
    private let defaults: [String: JSONValue]

    package init(_ fields: [String: JSONValue], file: String, defaults: [String: JSONValue] = [:]) {
        self.file = file
        self.fields = fields
        self.defaults = defaults
    }

    init(contentsOf url: URL, defaults: [String: JSONValue] = [:]) throws {
        self.init(try ConfigurationFile.fields(of: url), file: url.path, defaults: defaults)
    }

    func value(_ field: String) -> JSONValue { fields[field] ?? defaults[field] ?? .null }

    /// The error that names a field and its value; `reason` completes "FIELD is VALUE, ".
    func refusal(_ field: String, _ reason: String) -> ConfigurationError {
        failure("\(field) is \(value(field)), \(reason)")
    }

    func failure(_ reason: String) -> ConfigurationError { ConfigurationError(file: file, reason: reason) }

    // MARK: - Fields that may be absent or null

    /// nil for a field that is absent or null.
    func optional<Value>(
        _ field: String, _ expected: String, _ convert: (JSONValue) throws -> Value?
    ) throws -> Value? {
        if value(field) == .null { return nil }
        guard let value = try convert(value(field)) else { throw refusal(field, expected) }
        return value
    }

    /// Infinities and NaN, which Python writes, are numbers here.
    func anyNumber(_ field: String) throws -> Double? { try optional(field, "expected a number", \.number) }

    func numbers(_ field: String) throws -> [Double]? {
        try optional(field, "expected a list of numbers", \.array)?.map { element in
            guard let number = element.number else { throw failure("\(field) is \(element), expected numbers") }
            return number
        }
    }

    // MARK: - Fields with a value

    func boolean(_ field: String, default fallback: Bool? = nil) throws -> Bool {
        try required(field, fallback, "expected true or false", \.boolean)
    }

    func string(_ field: String) throws -> String {
        try required(field, nil, "expected a string", \.string)
    }

    func number(_ field: String) throws -> Double {
        try required(field, nil, "expected a number") { value in value.number.flatMap { $0.isFinite ? $0 : nil } }
    }

    /// A number that is above zero as a float32.
    func positiveNumber(_ field: String) throws -> Float {
        let value = Float(try number(field))
        guard value > 0, value.isFinite else { throw refusal(field, "expected a number above zero") }
        return value
    }

    func integer(_ field: String, default fallback: Int? = nil, in range: ClosedRange<Int>) throws -> Int {
        try required(field, fallback, Self.expected(range)) { $0.integer(in: range) }
    }

    /// A list of whole numbers.
    func integers(_ field: String, in range: ClosedRange<Int>) throws -> [Int] {
        try required(field, nil, "expected a list", \.array).map { element in
            guard let value = element.integer(in: range) else { throw refusal(field, Self.expected(range)) }
            return value
        }
    }

    /// One whole number for each level: given as a list, or as one number for all.
    func integers(_ field: String, levels: Int, in range: ClosedRange<Int>) throws -> [Int] {
        guard value(field).array != nil else {
            return Array(repeating: try integer(field, in: range), count: levels)
        }
        let values = try integers(field, in: range)
        guard values.count == levels else { throw refusal(field, "expected \(levels), one for each level") }
        return values
    }

    /// A field that holds one of a few words.
    func choice<Choice>(_ field: String, default fallback: Choice) throws -> Choice
    where Choice: RawRepresentable<String> & CaseIterable {
        let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        return try required(field, fallback, "supported: \(names)") { $0.string.flatMap(Choice.init(rawValue:)) }
    }

    /// A name for each level out of those that are supported.
    func names<Name: RawRepresentable & CaseIterable>(_ field: String, levels: Int) throws -> [Name]
    where Name.RawValue == String {
        guard let values = value(field).array, values.count == levels else {
            throw refusal(field, "expected \(levels) names, one for each level")
        }
        return try values.map {
            guard let name = $0.string.flatMap(Name.init(rawValue:)) else {
                let known = Name.allCases.map(\.rawValue).joined(separator: " and ")
                throw failure("\(field) holds \($0), but only \(known) are supported")
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

    private func required<Value>(
        _ field: String, _ fallback: Value?, _ expected: String, _ convert: (JSONValue) throws -> Value?
    ) throws -> Value {
        guard let value = try optional(field, expected, convert) ?? fallback else { throw refusal(field, expected) }
        return value
    }

    private static func expected(_ range: ClosedRange<Int>) -> String {
        "expected whole numbers from \(range.lowerBound) to \(range.upperBound)"
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
