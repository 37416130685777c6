import Foundation

extension JSONDecoder {
    /// Decodes a text that anybody may have written.
    ///
    /// The decoder of Swift 6.0 ends the program at a key that is not valid UTF-8 or holds half of a surrogate pair, so
    /// the whole text is read before, all strings validated.
    package func decode<Value: Decodable>(_ type: Value.Type, checking bytes: [UInt8]) throws -> Value {
        var scanner = JSONScanner(bytes)
        try scanner.skipValue()
        try scanner.expectEnd()
        return try decode(type, from: Data(bytes))
    }
}
