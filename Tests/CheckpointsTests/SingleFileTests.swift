import Checkpoints
import Foundation
import Testing

/// CRC-32 (IEEE 802.3, as zlib's), bit by bit: what the goldens keep of the larger tensors.
func crc32(_ bytes: some Sequence<UInt8>) -> UInt32 {
    var crc = UInt32.max
    for byte in bytes {
        crc ^= UInt32(byte)
        for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
    }
    return ~crc
}

/// `original.json`: what diffusers' conversion functions make of the single-file fixtures.
struct OriginalGoldens {
    struct Tensor: Decodable {
        let shape: [Int]
        let crc: UInt32
    }

    let parts: [String: [String: Tensor]]

    init(_ file: String) throws {
        let all = try jsonObject(Data(contentsOf: fixture("original.json")))
        let golden = try #require(all[file])
        parts = try JSONDecoder().decode(
            [String: [String: Tensor]].self, from: JSONSerialization.data(withJSONObject: golden))
    }
}

@Suite struct SingleFileTests {
    @Test(arguments: ["original.ckpt", "original-half.safetensors"], [false, true])
    func tensorsAreThoseOfDiffusers(_ name: String, useEMA: Bool) throws {
        let goldens = try OriginalGoldens(name).parts
        let checkpoint = try SingleFileCheckpoint(fixture(name), useEMA: useEMA)
        #expect(checkpoint.hasEMA)
        for part in ModelPart.allCases {
            let expected = try #require(goldens[part == .unet && useEMA ? "unet_ema" : part.rawValue])
            let store = checkpoint.weightStore(part)
            for (key, golden) in expected {
                let tensor = try store.tensor(key, shape: golden.shape)
                let bits = try float32Bits(tensor)
                #expect(bits.withUnsafeBytes { crc32($0) } == golden.crc, "\(part) \(key)")
            }
            #expect(store.unreadKeys.isEmpty)
        }
    }

    @Test(arguments: ["original.ckpt", "original-half.safetensors"])
    func configurationsAreThoseOfDiffusers(_ name: String) throws {
        let goldens = try jsonObject(Data(contentsOf: fixture("original.json")))
        let expected = try #require(goldens["configurations"] as? [String: [String: Any]])
        let files = try SingleFileCheckpoint(fixture(name)).configurations
        for (part, fields) in expected {
            let derived = try jsonObject(files["\(part)/config.json"])
            for (field, value) in fields {
                #expect(derived[field] as? NSObject == value as? NSObject, "\(part) \(field)")
            }
        }
    }

    @Test func textConfigurationComesFromShapes() throws {
        let files = try SingleFileCheckpoint(fixture("original.ckpt")).configurations
        let text = try jsonObject(files["text_encoder/config.json"])
        let expected: [String: Int] = [
            "vocab_size": 60, "hidden_size": 12, "intermediate_size": 20, "num_hidden_layers": 2,
            "num_attention_heads": 1,
            "max_position_embeddings": 9, "eos_token_id": 59,
        ]
        for (field, value) in expected { #expect(text[field] as? Int == value, "\(field)") }
        #expect(text["hidden_act"] as? String == "quick_gelu")
        #expect(
            Set(files.keys) == [
                "unet/config.json", "vae/config.json", "text_encoder/config.json", "scheduler/scheduler_config.json",
                "model_index.json",
            ])
    }

    /// The fixture's tensors with one change, written as safetensors.
    private func changed(_ folder: TemporaryFolder, _ change: (inout [String: [Int]]) -> Void) throws -> URL {
        var shapes: [String: [Int]] = [:]
        for entry in try readTensors(fixture("original-half.safetensors")) { shapes[entry.key] = entry.shape }
        change(&shapes)
        let url = folder.url.appendingPathComponent("changed.safetensors")
        let writer = try SafetensorsWriter(
            url, tensors: shapes.map { .init(key: $0.key, dataType: .float8e4m3, shape: $0.value) })
        for tensor in writer.tensors {
            try [UInt8](repeating: 0, count: tensor.shape.reduce(1, *)).withUnsafeBytes { try writer.append($0) }
        }
        try writer.finish()
        return url
    }

    @Test func otherModelsAreRefusedByName() throws {
        let folder = try TemporaryFolder()
        let unet = "model.diffusion_model."
        let cases: [(String, (inout [String: [Int]]) -> Void)] = [
            (
                "averaged (EMA) weights of a UNet and without the UNet itself",
                { $0 = $0.filter { !$0.key.hasPrefix(unet) } }
            ),
            ("holds no text encoder", { $0 = $0.filter { !$0.key.hasPrefix("cond_stage_model") } }),
            (
                "takes 4 channels where InstructPix2Pix takes 8",
                { $0[unet + "input_blocks.0.0.weight"] = [4, 4, 3, 3] }
            ),
            ("has no tensor conv_in.weight", { $0[unet + "input_blocks.0.0.weight"] = nil }),
            ("label_emb.0.0.weight has no place", { $0[unet + "label_emb.0.0.weight"] = [4, 4] }),
            (
                "input_blocks.01.0.in_layers.0.weight has no place",
                { $0[unet + "input_blocks.01.0.in_layers.0.weight"] = [4] }
            ),
            ("under two names", { $0[unet + "output_blocks.2.2.conv.weight"] = [1] }),
            (
                "encoder.down.0.attn.0.q.weight has no place",
                { $0["first_stage_model.encoder.down.0.attn.0.q.weight"] = [1] }
            ),
            (
                "decoder.up.1000.upsample.conv.weight has no place",
                { $0["first_stage_model.decoder.up.1000.upsample.conv.weight"] = [1] }
            ),
            (
                "has no tensor mid_block.attentions.0",
                { $0[unet + "middle_block.1.transformer_blocks.0.attn2.to_k.weight"] = nil }
            ),
        ]
        for (words, change) in cases {
            let url = try changed(folder, change)
            let error = try #require(checkpointError { _ = try SingleFileCheckpoint(url) })
            #expect("\(error)".contains(words), "\(error)")
        }
        let url = try changed(folder) { $0 = $0.filter { !$0.key.hasPrefix("model_ema.diffusion_modelmiddle_block0") } }
        _ = try SingleFileCheckpoint(url)
        let error = try #require(checkpointError { _ = try SingleFileCheckpoint(url, useEMA: true) })
        #expect("\(error)".contains("has no tensor model_ema.diffusion_modelmiddle_block0"), "\(error)")
    }
}
