import Foundation

extension Encodable {
    /// One line of JSON with snake-case keys in alphabetical order.
    func jsonLine() throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}

/// Two values whose fields stand side by side in one JSON object.
struct Joined<First, Second> {
    var first: First
    var second: Second

    init(_ first: First, _ second: Second) {
        (self.first, self.second) = (first, second)
    }
}

extension Joined: Encodable where First: Encodable, Second: Encodable {
    func encode(to encoder: any Encoder) throws {
        try first.encode(to: encoder)
        try second.encode(to: encoder)
    }
}

extension Joined: Decodable where First: Decodable, Second: Decodable {
    init(from decoder: any Decoder) throws {
        self.init(try First(from: decoder), try Second(from: decoder))
    }
}

extension Joined: Equatable where First: Equatable, Second: Equatable {}
extension Joined: Sendable where First: Sendable, Second: Sendable {}
