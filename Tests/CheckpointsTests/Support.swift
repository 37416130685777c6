import Checkpoints
import Foundation
import Testing

/// A golden file of this target.
func fixture(_ name: String) throws -> URL {
    try #require(Bundle.module.resourceURL).appendingPathComponent("Fixtures").appendingPathComponent(name)
}

/// A folder that is deleted with the object.
final class TemporaryFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("checkpoints-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func write(_ bytes: some Sequence<UInt8>, as name: String) throws -> URL {
        let file = url.appendingPathComponent(name)
        try Data(bytes).write(to: file)
        return file
    }

    var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() }
    }
}

/// A small deterministic generator (SplitMix64, Steele et al. 2014), so that a failing mutation can be made again.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// The bytes of a safetensors file with this header text, its length field included.
func safetensors(_ header: String, data: [UInt8] = []) -> [UInt8] {
    let text = Array(header.utf8)
    return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text + data
}

/// The error that `body` throws, which must be a `CheckpointError`.
func checkpointError(_ body: () throws -> Void) -> CheckpointError? {
    do {
        try body()
        Issue.record("nothing was thrown")
    } catch let error as CheckpointError {
        return error
    } catch {
        Issue.record("\(error) is no CheckpointError")
    }
    return nil
}

/// One tensor of `safetensors.json`: what the reference implementation read.
struct ExpectedTensor: Decodable {
    let dtype: String
    let shape: [Int]
    /// The values as float32 bit patterns.
    let bits: [UInt32]
}

/// The tensor's values upcast to float32, one by one, as bit patterns; int64 is converted by value.
func float32Bits(_ tensor: StoredTensor) throws -> [UInt32] {
    try tensor.withBytes { bytes in
        func values<Pattern: FixedWidthInteger>(_ type: Pattern.Type, _ bits: (Pattern) -> UInt32) -> [UInt32] {
            let size = MemoryLayout<Pattern>.size
            return (0..<bytes.count / size).map { bits(bytes.loadUnaligned(fromByteOffset: $0 * size, as: type)) }
        }
        return switch tensor.dataType {
        case .float32: values(UInt32.self) { $0 }
        case .bfloat16: values(UInt16.self) { UInt32($0) << 16 }
        case .float16: values(UInt16.self) { Float(Float16(bitPattern: $0)).bitPattern }
        case .int64: values(Int64.self) { Float($0).bitPattern }
        default: throw CheckpointError.unsupported(file: "", reason: "no golden holds \(tensor.dataType)")
        }
    }
}

/// The members of a JSON object.
func jsonObject(_ data: Data?) throws -> [String: Any] {
    let data = try #require(data)
    return try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
}
