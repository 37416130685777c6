import Files
import Foundation

/// Writes a safetensors file of known layout in one pass, so that no more than the caller's chunk is in memory.
///
/// The layout is the reference implementation's, byte for byte: larger types first, then by key, the header padded with
/// spaces to a multiple of 8. So every tensor is aligned to its values, and the first to 8 bytes.
public final class SafetensorsWriter {
    /// A tensor to be written.
    public struct Tensor: Sendable {
        /// The tensor's name, unlike that of any other in the file.
        public let key: String
        /// The type of its values.
        public let dataType: DataType
        /// Its sides, outermost first; empty for a single value.
        public let shape: [Int]

        /// A tensor of `shape.reduce(1, *)` values.
        public init(key: String, dataType: DataType, shape: [Int]) {
            self.key = key
            self.dataType = dataType
            self.shape = shape
        }
    }

    /// The tensors in the order in which their bytes must be appended.
    public let tensors: [Tensor]
    private let path: String
    private let file: AtomicFile
    private var missingBytes: Int

    /// Starts the file under a temporary name and writes its header.
    ///
    /// - Parameters:
    ///   - url: the file to make or replace.
    ///   - tensors: with distinct keys, in any order.
    ///   - metadata: `format: pt` is what PyTorch's loaders insist on.
    /// - Throws: `CheckpointError.cannotWrite`.
    public init(_ url: URL, tensors: [Tensor], metadata: [String: String] = ["format": "pt"]) throws {
        let rank = Dictionary(uniqueKeysWithValues: DataType.allCases.enumerated().map { ($1, $0) })
        self.tensors = tensors.sorted { a, b in
            a.dataType == b.dataType
                ? a.key.utf8.lexicographicallyPrecedes(b.key.utf8)
                : rank[a.dataType, default: 0] < rank[b.dataType, default: 0]
        }
        let notes = metadata.sorted { $0.key < $1.key }.map { "\(jsonText($0)):\(jsonText($1))" }
        var members = ["\"__metadata__\":{\(notes.joined(separator: ","))}"]
        var offset = 0
        for tensor in self.tensors {
            guard let size = byteCount(of: tensor.shape, tensor.dataType) else {
                preconditionFailure("\(tensor.key) \(tensor.shape) has no size")
            }
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            members.append(
                "\(jsonText(tensor.key)):{\"dtype\":\"\(tensor.dataType.rawValue)\",\"shape\":[\(shape)],"
                    + "\"data_offsets\":[\(offset),\(offset + size)]}")
            offset += size
        }
        missingBytes = offset
        var header = Array("{\(members.joined(separator: ","))}".utf8)
        while header.count % 8 != 0 { header.append(UInt8(ascii: " ")) }

        path = url.path
        let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) }
        file = try writing(path) { () throws(SystemError) in
            let file = try AtomicFile(url.path)
            try file.write(length + Data(header))
            return file
        }
    }

    /// Appends the next bytes of the data: the tensors in the order of `tensors`, in chunks of any size.
    public func append(_ bytes: UnsafeRawBufferPointer) throws {
        precondition(bytes.count <= missingBytes, "\(bytes.count) bytes where \(missingBytes) are left")
        try writing(path) { () throws(SystemError) in try file.write(bytes) }
        missingBytes -= bytes.count
    }

    /// Syncs the file and gives it its name; without this call nothing is left behind.
    public func finish() throws {
        precondition(missingBytes == 0, "\(missingBytes) bytes were not appended")
        try writing(path) { () throws(SystemError) in try file.commit() }
    }
}

/// `text` as a JSON string, quotes included.
private func jsonText(_ text: String) -> String {
    var json = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": json += "\\\""
        case "\\": json += "\\\\"
        case "\n": json += "\\n"
        case "\r": json += "\\r"
        case "\t": json += "\\t"
        case _ where scalar.value < 0x20:
            let digits = String(scalar.value, radix: 16)
            json += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: json.unicodeScalars.append(scalar)
        }
    }
    return json + "\""
}
