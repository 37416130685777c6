import Checkpoints
import Foundation
import TestSupport
import Testing

/// `hostile.json`: files made by hand, with the words that their refusal must contain.
private struct HandMade: Decodable {
    let refused: [[String]]
    let sound: [[String]]

    static func read() throws -> HandMade {
        try JSONDecoder().decode(HandMade.self, from: Data(contentsOf: fixture("hostile.json")))
    }
}

@Suite struct TorchCheckpointTests {
    @Test(arguments: ["views.bin", "views-legacy.bin", "training.ckpt", "training-legacy.ckpt"])
    func readsWhatTorchReads(_ name: String) throws {
        let goldens = try JSONDecoder().decode(
            [String: [String: ExpectedTensor]].self, from: Data(contentsOf: fixture("torch.json")))
        let expected = try #require(goldens[name])
        let tensors = try readTensors(fixture(name))
        #expect(Set(tensors.map(\.key)) == Set(expected.keys))
        for entry in tensors {
            let golden = try #require(expected[entry.key])
            #expect(entry.dataType.rawValue == golden.dtype)
            #expect(entry.shape == golden.shape)
            #expect(try differences(float32Bits(entry.stored()), golden.bits) == nil, "\(entry.key)")
        }
    }

    @Test func handMadeFilesAreRead() throws {
        let folder = try TemporaryFolder()
        for file in try HandMade.read().sound {
            let url = try folder.write(#require(Data(base64Encoded: file[1])), as: "a.bin")
            let tensors = try readTensors(url)
            #expect(tensors.map(\.key) == ["w"] && tensors.map(\.shape) == [[2, 2]], "\(file[0])")
            #expect(
                tensors.first.map { $0.stored().withBytes { [UInt8]($0) } } == [UInt8](repeating: 0, count: 16),
                "\(file[0])")
        }
    }

    @Test func hostileFilesAreRefusedByName() throws {
        let folder = try TemporaryFolder()
        for file in try HandMade.read().refused {
            let url = try folder.write(#require(Data(base64Encoded: file[2])), as: "a.bin")
            let error = checkpointError { _ = try readTensors(url) }
            #expect(error.map { "\($0)".contains(file[1]) } == true, "\(file[0]): \(String(describing: error))")
        }
        #expect(!FileManager.default.fileExists(atPath: "/tmp/cartoonize-was-here"))
    }

    /// Programs whose danger is their size.
    @Test func bombsAreBounded() throws {
        let folder = try TemporaryFolder()
        let magic = try Data(contentsOf: fixture("views-legacy.bin")).prefix(15)
        let bombs: [(String, [UInt8], Int)] = [
            ("opcodes", Array("N".utf8), 3_000_000), ("lists", Array("]".utf8), 3_000_000),
            ("marks", Array("(".utf8), 3_000_000), ("nested tuples", [0x85], 1_900_000),
            ("nested lists", Array("]a".utf8), 1_000_000),
            ("texts", Array("X".utf8) + [0, 0, 1, 0] + [UInt8](repeating: 0x61, count: 65_536), 1_100),
            ("doubling", [0x71, 0, 0x68, 0, 0x86], 600_000),
        ]
        for (name, unit, count) in bombs {
            var program = magic + [0x80, 2] + Array("N".utf8)
            for _ in 0..<count { program += unit }
            let url = try folder.write(program, as: "a.bin")
            let error = checkpointError { _ = try readTensors(url) }
            guard case .malformed? = error else {
                Issue.record("\(name): \(String(describing: error))")
                continue
            }
        }
    }

    @Test(arguments: ["views.bin", "views-legacy.bin", "training.ckpt"])
    func everyTruncationIsRefused(_ name: String) throws {
        let folder = try TemporaryFolder()
        let whole = try Data(contentsOf: fixture(name))
        for length in 0..<whole.count {
            let url = try folder.write(whole.prefix(length), as: "a.bin")
            _ = try #require(checkpointError { _ = try readTensors(url) }, "\(length) bytes")
        }
    }

    @Test(arguments: ["views.bin", "views-legacy.bin", "training.ckpt", "training-legacy.ckpt"])
    func mutationsNeverCrash(_ name: String) throws {
        let folder = try TemporaryFolder()
        let original = [UInt8](try Data(contentsOf: fixture(name)))
        var random = SplitMix64(state: 2)
        var refused = 0
        for _ in 0..<3_000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 1: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 2:
                    bytes[index] =
                        Array("().NRQbcqhrjtsuaeJKMXUioGlg\u{0}\u{1}".utf8).randomElement(using: &random) ?? 0
                case 3: bytes[index] = 0xFF
                default: bytes.remove(at: index)
                }
            }
            let url = try folder.write(bytes, as: "mutant.bin")
            do {
                for tensor in try readTensors(url) {
                    #expect(tensor.shape.reduce(tensor.dataType.byteCount, *) == tensor.stored().withBytes(\.count))
                }
            } catch is CheckpointError {
                refused += 1
            }
        }
        #expect(refused > 500)
    }

    @Test func storesReadTorchFilesToo() throws {
        let folder = try TemporaryFolder()
        _ = try folder.write(Data(contentsOf: fixture("views.bin")), as: "pytorch_model.bin")
        let store = try WeightStore(folder: folder.url, name: "model")
        #expect(try float32Bits(store.tensor("scalar", shape: [])) == [Float(-1.5).bitPattern])
        #expect(!store.unreadKeys.contains("model.position_ids") && store.unreadKeys.contains("transposed"))
    }

    @Test func wholePrecisionAndSafetensorsComeFirst() throws {
        let folder = try TemporaryFolder()
        let torch = try Data(contentsOf: fixture("views.bin"))
        _ = try folder.write(torch, as: "mixed.fp16.bin")
        #expect(try WeightStore(folder: folder.url, name: "mixed").contains("transposed"))
        let shard = #"{"half":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#
        _ = try folder.write(safetensors(shard, data: [0]), as: "mixed.fp16.safetensors")
        #expect(try WeightStore(folder: folder.url, name: "mixed").tensors.map(\.key) == ["half"])
        _ = try folder.write(torch, as: "mixed.bin")
        #expect(try WeightStore(folder: folder.url, name: "mixed").contains("transposed"))
        _ = try folder.write(Data(contentsOf: fixture("mixed.safetensors")), as: "mixed.safetensors")
        #expect(try WeightStore(folder: folder.url, name: "mixed").contains("conv.weight"))
    }
}
