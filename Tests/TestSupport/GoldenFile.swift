import Foundation

/// Reference values in a safetensors file, read without the library under test.
public struct GoldenFile {
    /// Values of any stored type, as Double.
    public struct Values {
        public let shape: [Int]
        public let values: [Double]

        public var floats: [Float] { values.map { Float($0) } }
        public var integers: [Int] { values.map { Int($0) } }
        public var bytes: [UInt8] { values.map { UInt8($0) } }
    }

    public enum Failure: Error {
        case missing(String)
        case malformed(String)
    }

    private struct Entry: Decodable {
        let dtype: String
        let shape: [Int]
        let data_offsets: [Int]
    }

    /// A header's value: a tensor, or the free text of `__metadata__`.
    private struct Field: Decodable {
        let entry: Entry?
        init(from decoder: any Decoder) throws { entry = try? Entry(from: decoder) }
    }

    private let url: URL
    private let entries: [String: Entry]
    private let data: Data

    public init(_ url: URL) throws {
        self.url = url
        let file = try Data(contentsOf: url)
        guard file.count > 8 else { throw Failure.malformed(url.path) }
        let length = file.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
        let header = try JSONDecoder().decode([String: Field].self, from: file.dropFirst(8).prefix(length))
        entries = header.compactMapValues(\.entry)
        data = Data(file.dropFirst(8 + length))
    }

    public var keys: [String] { entries.keys.sorted() }

    public subscript(_ key: String) -> Values {
        get throws {
            guard let entry = entries[key] else { throw Failure.missing("\(url.lastPathComponent): \(key)") }
            let bytes = data.dropFirst(entry.data_offsets[0]).prefix(entry.data_offsets[1] - entry.data_offsets[0])
            return Values(shape: entry.shape, values: try Self.values(bytes, entry.dtype))
        }
    }

    private static func values(_ bytes: Data, _ type: String) throws -> [Double] {
        switch type {
        case "F32": return read(bytes, UInt32.self).map { Double(Float(bitPattern: $0)) }
        case "F64": return read(bytes, UInt64.self).map { Double(bitPattern: $0) }
        case "I32": return read(bytes, Int32.self).map { Double($0) }
        case "I64": return read(bytes, Int64.self).map { Double($0) }
        case "U8": return bytes.map { Double($0) }
        default: throw Failure.malformed("values of type \(type)")
        }
    }

    private static func read<Value: FixedWidthInteger>(_ bytes: Data, _ type: Value.Type) -> [Value] {
        bytes.withUnsafeBytes { raw in
            (0..<raw.count / MemoryLayout<Value>.size).map {
                Value(littleEndian: raw.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Value>.size, as: Value.self))
            }
        }
    }
}
