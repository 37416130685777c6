import Checkpoints
import Foundation

extension FuzzCase {
    private static let fixtures = "Tests/CheckpointsTests/Fixtures"

    static let weightFiles = [
        FuzzCase(
            name: "safetensors",
            seeds: {
                try ["mixed", "sharded-00001-of-00002"].map { try file("\(fixtures)/\($0).safetensors") }
                    + [withHeader(#"{"a":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]}}"#, data: 12)]
            },
            words: [
                "\"dtype\"", "\"shape\"", "\"data_offsets\"", "\"__metadata__\"", "\"F8_E4M3\"", "\"BF16\"", "\"I64\"",
            ],
            mend: mendSafetensors,
            read: { input, scratch in
                let tensors = try SafetensorsFile(scratch.writing(input, as: "a.safetensors")).tensors
                for tensor in tensors { _ = tensor.stored().bytes.reduce(0) { $0 ^ $1 } }
            })
    ]

    private static func withHeader(_ header: String, data: Int) -> [UInt8] {
        let header = Array(header.utf8)
        return (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) } + header
            + [UInt8](repeating: 0x3C, count: data)
    }

    /// Makes the header end where its last brace is.
    @Sendable private static func mendSafetensors(_ input: inout [UInt8]) {
        guard let end = input.lastIndex(of: UInt8(ascii: "}")), end >= 8 else { return }
        for index in 0..<8 { input[index] = UInt8(truncatingIfNeeded: (end - 7) >> (8 * index)) }
    }
}
