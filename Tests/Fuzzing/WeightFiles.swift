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
            repair: repairSafetensors,
            read: { input, scratch in
                let tensors = try SafetensorsFile(scratch.writing(input, as: "a.safetensors")).tensors
                for tensor in tensors { _ = tensor.stored().withBytes { $0.reduce(0, ^) } }
            }),
        // An archive's offsets are lost when a byte goes or comes; the format before it has none.
        FuzzCase(
            name: "torch", seeds: { try files(in: fixtures, "views.bin") + files(in: fixtures, "training.ckpt") },
            words: pickleWords, read: readTorch),
        // Objects that stay closed, protocol 4, packed archives, other wrappers: what hostile.json counts as sound.
        FuzzCase(
            name: "torch-opened", seeds: { try opened() }, words: pickleWords + openedWords, read: readTorch),
        FuzzCase(
            name: "torch-legacy",
            seeds: { try files(in: fixtures, "views-legacy.bin") + files(in: fixtures, "training-legacy.ckpt") },
            words: pickleWords, read: readTorch),
    ]

    /// Opcodes and names that a pickle of weights uses, and some that it must not.
    private static let pickleWords = [
        "ctorch._utils\n_rebuild_tensor_v2\n", "ctorch\nFloatStorage\n", "ctorch\nLongStorage\n",
        "ccollections\nOrderedDict\n", "ctorch\nSize\n", "cos\nsystem\n", "X\u{7}\u{0}\u{0}\u{0}storage", ")R", "}b",
        "(t",
        "h\u{1}", "q\u{1}", "Q", "K\u{0}", "M\u{1}\u{1}", "s", "u", "e", "a", "PK\u{1}\u{2}", "PK\u{3}\u{4}",
        "PK\u{5}\u{6}",
    ]

    private static let openedWords = [
        "cargparse\nNamespace\n", "cpackage.kinds\nKind\n", "c__builtin__\nset\n", "ctorch\nfloat8_e5m2\n",
        "ctorch._utils\n_rebuild_tensor_v3\n", "ctorch._tensor\n_rebuild_from_type_v2\n",
        "ctorch.storage\nUntypedStorage\n",
        ")R", "}b", "0", "1", "2", "o", "I01\n", "L7L\n", "S'a'\n", "Va\n", "p1\n", "g1\n",
    ]

    /// The files made by hand that are read.
    private static func opened() throws -> [[UInt8]] {
        struct HandMade: Decodable {
            let sound: [[String]]
        }
        return try JSONDecoder().decode(HandMade.self, from: Data(file("\(fixtures)/hostile.json"))).sound
            .compactMap { Data(base64Encoded: $0[1]).map { [UInt8]($0) } }
    }

    @Sendable private static func readTorch(_ input: [UInt8], scratch: URL) throws {
        for tensor in try readTensors(scratch.writing(input, as: "a.bin")) {
            tensor.stored().withBytes { bytes in
                precondition(bytes.count == tensor.shape.reduce(tensor.dataType.byteCount, *))
                _ = bytes.reduce(0, ^)
            }
            _ = tensor.nonFiniteCount()
        }
    }

    private static func withHeader(_ header: String, data: Int) -> [UInt8] {
        let header = Array(header.utf8)
        return (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) } + header
            + [UInt8](repeating: 0x3C, count: data)
    }

    /// Makes the header end where its last brace is. Other files stay as they are.
    @Sendable static func repairSafetensors(_ input: inout [UInt8]) {
        guard input.dropFirst(8).first == UInt8(ascii: "{"), let end = input.lastIndex(of: UInt8(ascii: "}")), end >= 8
        else { return }
        for index in 0..<8 { input[index] = UInt8(truncatingIfNeeded: (end - 7) >> (8 * index)) }
    }
}
