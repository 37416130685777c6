import Foundation

/// A safetensors file: a header of JSON over the tensors' raw bytes, memory-mapped and fully checked when opened.
///
/// Format: 8 bytes header length (little-endian), the header `{"key": {"dtype", "shape", "data_offsets"}, ...,
/// "__metadata__": {...}}`, then the data, which the tensors cover exactly, without gap or overlap
/// (https://huggingface.co/docs/safetensors).
public struct SafetensorsFile: Sendable {
    /// The reference implementation's limit.
    private static let headerLimit = 100_000_000
    /// A hundred times what the largest diffusion models hold; bounds the memory a hostile header can take.
    private static let tensorLimit = 100_000
    private static let rankLimit = 16
    /// Notes beyond so many are left out: a header can hold nine million.
    private static let metadataLimit = 10_000

    /// The tensors in the order of their data.
    public let tensors: [TensorEntry]
    /// The header's `__metadata__`, what whoever wrote the file noted: up to ten thousand notes, empty if it has none.
    public let metadata: [String: String]

    /// - Throws: `CheckpointError` for a file that cannot be read or breaks the format in any way.
    public init(_ url: URL) throws {
        try self.init(MappedFile(url))
    }

    init(_ file: MappedFile) throws {
        guard file.count >= 8 else {
            throw CheckpointError.truncated(file: file.path, expectedBytes: 8, foundBytes: file.count)
        }
        let length = file.bytes.load(UInt64.self, at: 0)
        guard length <= UInt64(Self.headerLimit) else {
            throw CheckpointError.malformed(
                file: file.path, reason: "its header claims \(length) bytes, more than \(Self.headerLimit)")
        }
        let dataStart = 8 + Int(length)
        guard dataStart <= file.count else {
            throw CheckpointError.truncated(file: file.path, expectedBytes: dataStart, foundBytes: file.count)
        }
        var header = Header()
        try header.read(file.slice(8..<dataStart), file: file.path)
        let ranges = try Self.dataRanges(header.tensors, start: dataStart, file: file)
        metadata = header.metadata
        tensors = zip(header.tensors, ranges)
            .map { TensorEntry(key: $0.key, dataType: $0.dataType, shape: $0.shape, file: file, byteRange: $1) }
            .sorted { ($0.byteRange.lowerBound, $0.byteRange.count) < ($1.byteRange.lowerBound, $1.byteRange.count) }
    }

    /// One tensor as the header describes it; offsets count from the start of the data.
    private struct Description {
        let key: String
        let dataType: DataType
        let shape: [Int]
        let begin: Int
        let end: Int
    }

    private struct Header {
        var tensors: [Description] = []
        var metadata: [String: String] = [:]
        // Swift compares texts by canonical equivalence: two spellings of one accented name count as one key here,
        // and a file that holds both is refused.
        private var keys: Set<String> = []

        mutating func read(_ bytes: FileBytes, file: String) throws {
            // Spaces may pad the end, not the start: '{' at byte 8 is how the format is recognised.
            guard bytes.first == UInt8(ascii: "{") else {
                throw CheckpointError.malformed(file: file, reason: "its header does not start with '{'")
            }
            var scanner = JSONScanner(bytes.array)
            try JSONScanner.reading(file) {
                try scanner.object { scanner, key in
                    guard keys.insert(key).inserted else {
                        throw CheckpointError.malformed(file: file, reason: "it describes \(printable(key)) twice")
                    }
                    if key == "__metadata__" {
                        metadata = try scanner.texts(limit: metadataLimit)
                        return
                    }
                    guard tensors.count < tensorLimit else {
                        throw CheckpointError.malformed(
                            file: file, reason: "it holds more than \(tensorLimit) tensors")
                    }
                    tensors.append(try Self.description(key, &scanner, file: file))
                }
                try scanner.expectEnd()
            }
        }

        private static func description(
            _ key: String, _ scanner: inout JSONScanner, file: String
        ) throws -> Description {
            var typeName: String?
            var shape: [Int]?
            var offsets: [Int]?
            func malformed(_ reason: String) -> CheckpointError {
                .malformed(file: file, reason: "tensor \(printable(key)) \(reason)")
            }
            func counts(_ scanner: inout JSONScanner, limit: Int, _ name: String) throws -> [Int] {
                var values: [Int] = []
                try scanner.array {
                    guard values.count < limit else { throw malformed("has more than \(limit) numbers as \(name)") }
                    values.append(try $0.count())
                }
                return values
            }
            try scanner.object { scanner, name in
                switch name {
                case "dtype" where typeName == nil: typeName = try scanner.string()
                case "shape" where shape == nil: shape = try counts(&scanner, limit: rankLimit, name)
                case "data_offsets" where offsets == nil: offsets = try counts(&scanner, limit: 2, name)
                case "dtype", "shape", "data_offsets": throw malformed("has \(name) twice")
                default: throw malformed("has the unknown field \(printable(name))")
                }
            }
            guard let typeName, let shape, let offsets, offsets.count == 2 else {
                throw malformed("lacks its dtype, shape or both data_offsets")
            }
            guard let dataType = DataType(rawValue: typeName) else {
                throw malformed("has the unknown dtype \(printable(typeName))")
            }
            return Description(key: key, dataType: dataType, shape: shape, begin: offsets[0], end: offsets[1])
        }
    }

    /// Each tensor's byte range in the file, in the order given, once they are known to cover the data exactly.
    private static func dataRanges(_ tensors: [Description], start: Int, file: MappedFile) throws -> [Range<Int>] {
        let available = file.count - start
        func malformed(_ tensor: Description, _ reason: String) -> CheckpointError {
            .malformed(file: file.path, reason: "tensor \(printable(tensor.key)) \(reason)")
        }
        for tensor in tensors {
            guard tensor.begin <= tensor.end else { throw malformed(tensor, "ends before it begins") }
            let size = tensor.end - tensor.begin
            guard size == byteCount(of: tensor.shape, tensor.dataType) else {
                throw malformed(
                    tensor, "has \(size) bytes, which is not what \(tensor.dataType.rawValue) \(tensor.shape) takes")
            }
        }
        var position = 0
        for tensor in tensors.sorted(by: { ($0.begin, $0.end) < ($1.begin, $1.end) }) {
            guard tensor.begin == position else {
                throw malformed(
                    tensor, "\(tensor.begin < position ? "overlaps" : "leaves a gap after") the one before it")
            }
            position = tensor.end
        }
        if position > available {
            let (whole, overflow) = start.addingReportingOverflow(position)
            throw CheckpointError.truncated(
                file: file.path, expectedBytes: overflow ? Int.max : whole, foundBytes: file.count)
        }
        guard position == available else {
            throw CheckpointError.malformed(
                file: file.path, reason: "\(available - position) bytes follow its last tensor")
        }
        return tensors.map { start + $0.begin..<start + $0.end }
    }
}
