import Checkpoints
import Foundation
import StableDiffusion
import TensorKernels
import TestSupport
import Testing

/// LoRAs merged into tiny-sd, against what diffusers computes with them (see make_lora_fixtures.py).
@Suite struct LoRATests {
    private let fixture = ModelFixture(name: "tiny-sd")
    private static var loras: URL { ModelFixture.fixtures.appendingPathComponent("lora") }

    @Test(arguments: ["kohya", "diffusers", "peft", "locon"]) func mergedEqualsDiffusers(spelling: String) throws {
        let compute = try Compute(threads: 2)
        let file = Self.loras.appendingPathComponent("\(spelling).safetensors")
        let model = try ModelDirectory(fixture.folder).applyingLoRA(file, strength: 0.75)
        #expect(try model.notes == ModelDirectory(fixture.folder).notes)
        let golden = try GoldenFile(Self.loras.appendingPathComponent("golden.safetensors"))
        let text = try golden["\(spelling).text"]
        let unet = try UNet(model.weights(of: .unet), model.unet, compute: compute)
        let output = unet(
            image(try golden["samples"], on: compute), timestep: 33.25,
            text: TextContext(compute.tensor(text.floats, text.shape)), branches: [Branch(sample: 0, text: 0)])
        #expect(relativeError(output.channelsFirstValues, try golden["\(spelling).output"].floats) < tolerance)

        var request = try GenerationRequest(
            image: PixelImage(width: 64, height: 64, rgb: [UInt8](repeating: 90, count: 64 * 64 * 3)),
            settings: model.defaults, seed: 1)
        request.settings.instruction = "Turn it into a sketch"
        (request.settings.steps, request.settings.guidanceScale) = (2, 1)
        var stages: [String: StageValue] = [:]
        _ = try InstructPix2Pix(model: model, compute: compute).generate(request) { stages[$0.name] = $0 }
        let encoded = try #require(stages["text"]).values.prefix(text.floats.count)
        #expect(relativeError(Array(encoded), text.floats) < tolerance)
    }

    /// What PEFT says of the scale, beside the file or in its header, is kohya's alpha.
    @Test(arguments: [
        (#"{"peft_type": "LORA", "r": 3, "lora_alpha": 2, "alpha_pattern": {}, "target_modules": ["to_q"]}"#, false),
        (
            #"{"r": 8, "lora_alpha": null, "alpha_pattern": {"proj_in": 2.0, "to_q": 2, "to_k": 2, "to_out.0": 2, "conv1": 2, "#
                + #""ff.net.0.proj": 2, "conv2": 2, "self_attn.q_proj": 2, "mlp.fc1": 2}}"#, false
        ),
        (#"{"unet.r": 3, "unet.lora_alpha": 2, "text_encoder.lora_alpha": 2, "other": [1]}"#, true),
    ])
    func scalesOfPEFTAreRead(settings: String, isInHeader: Bool) throws {
        let peft = try Data(contentsOf: Self.loras.appendingPathComponent("peft.safetensors"))
        let model = try inFolder { folder in
            let file = folder.appendingPathComponent("adapter_model.safetensors")
            if isInHeader {
                try withMetadata(["lora_adapter_metadata": settings], peft).write(to: file)
            } else {
                try peft.write(to: file)
                try Data(settings.utf8).write(to: folder.appendingPathComponent("adapter_config.json"))
            }
            return try ModelDirectory(fixture.folder).applyingLoRA(file, strength: 0.75)
        }
        let compute = try Compute(threads: 2)
        let golden = try GoldenFile(Self.loras.appendingPathComponent("golden.safetensors"))
        let text = try golden["kohya.text"]
        let unet = try UNet(model.weights(of: .unet), model.unet, compute: compute)
        let output = unet(
            image(try golden["samples"], on: compute), timestep: 33.25,
            text: TextContext(compute.tensor(text.floats, text.shape)), branches: [Branch(sample: 0, text: 0)])
        #expect(relativeError(output.channelsFirstValues, try golden["kohya.output"].floats) < tolerance)
        // The folder's name, as all such files have the same.
        #expect(try model.defaults.loras?.first?.name != "adapter_model")
    }

    @Test func settingsNameTheLoRA() throws {
        let plain = try ModelDirectory(fixture.folder)
        let model = try plain.applyingLoRA(Self.loras.appendingPathComponent("kohya.safetensors"), strength: 0.5)
        let settings = try model.defaults
        #expect(settings.loras?.map(\.name) == ["kohya"])
        #expect(settings.loras?.map(\.strength) == [0.5])
        #expect(try settings != plain.defaults)
        #expect(try JSONDecoder().decode(GenerationSettings.self, from: JSONEncoder().encode(settings)) == settings)
        let parameters = GenerationParameters(settings, seed: 1, width: 64, height: 64)
        #expect(parameters.fields.contains { $0.name == "LoRA" && $0.value == "kohya:0.5" })
        #expect(try GenerationParameters(text: parameters.text).loras == settings.loras)
    }

    /// One layer that fits, for hostile variants: rank 1 of a key that tiny-sd has.
    private static let layer = "lora_unet_mid_block_attentions_0_proj_in"

    @Test func strangeKeysAreNoted() throws {
        let model = try withLoRA([("down", [1, 24], 1), ("up", [24, 1], 1)], more: ["lora_unet_nowhere.alpha"]) {
            try ModelDirectory(fixture.folder).applyingLoRA($0)
        }
        #expect(model.notes.contains { $0.contains("lora_unet_nowhere.alpha") })
    }

    @Test func layersThatDoNotFitAreLeftOut() throws {
        // The second layer is one of a UNet with four channels.
        let other = "lora_unet_conv_in"
        let model = try withLoRA(
            [("down", [1, 24], 1), ("up", [24, 1], 1)],
            more: [],
            others: [("\(other).lora_down.weight", [1, 4, 3, 3]), ("\(other).lora_up.weight", [8, 1, 1, 1])]
        ) { try ModelDirectory(fixture.folder).applyingLoRA($0) }
        #expect(model.notes.contains { $0.contains("\(other) has a matrix of the shape [1, 4, 3, 3]") })
        let weights = try model.weights(of: .unet)
        #expect(weights.updates(of: "conv_in.weight").isEmpty)
        #expect(weights.updates(of: "mid_block.attentions.0.proj_in.weight").count == 1)
    }

    /// One of another kind or for another base is named, though part of it fits.
    @Test(arguments: [
        ("a DoRA", "lora_unet_mid_block_attentions_0_proj_in.dora_scale", [24, 1]),
        ("LoHa", "lora_unet_x.hada_w1_a", [2]),
        ("LoKr", "lora_unet_x.lokr_w2", [2]), ("OFT", "lora_unet_x.oft_blocks", [2]),
        ("(IA)3", "lora_unet_x.on_input", [1]),
        ("GLoRA", "lora_unet_x.a1.weight", [2]), ("Flux", "lora_unet_double_blocks_0_img_attn_qkv.lora_up.weight", [2]),
        ("Flux", "transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight", [2]),
        ("Stable Diffusion 3", "transformer.transformer_blocks.0.attn.to_q.lora_A.weight", [2]),
        ("Stable Diffusion XL", "lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_up.weight", [2]),
        (
            "Stable Diffusion XL", "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.lora_A.weight",
            [1, 2048]
        ),
        ("Stable Diffusion 2", "lora_unet_x_attn2_to_k.lora_down.weight", [1, 1024]),
    ]) func othersAreNamed(words: String, key: String, shape: [Int]) throws {
        let error = try withLoRA([("down", [1, 24], 1), ("up", [24, 1], 1)], more: [], others: [(key, shape)]) { file in
            thrownError(CheckpointError.self) { try ModelDirectory(fixture.folder).applyingLoRA(file) }
        }
        #expect("\(try #require(error))".contains(words), "\(key)")
    }

    @Test func alphaMayBeAnInteger() throws {
        for (alpha, type) in [
            (Data([2, 0, 0, 0, 0, 0, 0, 0]), "I64"), (Data([2, 0, 0, 0]), "I32"), (Data([2]), "U8"),
        ] {
            let model = try withLoRA(
                [("down", [4, 24], 1), ("up", [24, 4], 1)], more: [], alpha: (type, alpha)
            ) { try ModelDirectory(fixture.folder).applyingLoRA($0) }
            let updates = try model.weights(of: .unet).updates(of: "mid_block.attentions.0.proj_in.weight")
            #expect(updates.map(\.factor) == [0.5])
        }
    }

    @Test(arguments: [
        [("down", [1, 23], Float(1)), ("up", [24, 1], 1)], [("down", [2, 24], 1), ("up", [24, 1], 1)],
        [("down", [999, 24], 1), ("up", [24, 999], 1)], [("down", [0, 24], 1), ("up", [24, 0], 1)],
        [("down", [1, 24], 1)], [("down", [1, 24], .nan), ("up", [24, 1], 1)], [],
        [("down", [1, 24], 1), ("up", [24, 1], 1), ("alpha", [1], .nan)],
        [("down", [1, 24], 1), ("up", [24, 1], 1), ("alpha", [3], 1)],
    ]) func hostileFilesAreRefused(tensors: [(String, [Int], Float)]) throws {
        let error = try withLoRA(tensors, more: ["other"]) { file in
            thrownError(CheckpointError.self) { try ModelDirectory(fixture.folder).applyingLoRA(file) }
        }
        #expect(try #require(error).description.contains("lora.safetensors"))
    }

    private func withLoRA<Result>(
        _ tensors: [(String, [Int], Float)], more: [String], others: [(String, [Int])] = [],
        alpha: (type: String, value: Data)? = nil, _ body: (URL) throws -> Result
    ) throws -> Result {
        var (header, data): ([String: [String: Any]], Data) = ([:], Data())
        let named = tensors.map { name, shape, value in
            (name == "alpha" ? "\(Self.layer).alpha" : "\(Self.layer).lora_\(name).weight", shape, value)
        }
        let ones = (more.map { ($0, [1]) } + others).map { ($0.0, $0.1, Float(1)) }
        if let alpha {
            data = alpha.value
            header["\(Self.layer).alpha"] = ["dtype": alpha.type, "shape": [Int](), "data_offsets": [0, data.count]]
        }
        for (key, shape, value) in named + ones {
            let start = data.count
            for _ in 0..<shape.reduce(1, *) { withUnsafeBytes(of: value) { data.append(contentsOf: $0) } }
            header[key] = ["dtype": "F32", "shape": shape, "data_offsets": [start, data.count]]
        }
        let json = try JSONSerialization.data(withJSONObject: header)
        return try inFolder { folder in
            let file = folder.appendingPathComponent("lora.safetensors")
            try (withUnsafeBytes(of: UInt64(json.count)) { Data($0) } + json + data).write(to: file)
            return try body(file)
        }
    }

    private func inFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder)
    }

    /// A safetensors file with notes in its header.
    private func withMetadata(_ metadata: [String: String], _ file: Data) throws -> Data {
        let length = file.withUnsafeBytes { Int($0.loadUnaligned(as: UInt64.self)) }
        var header = try #require(JSONSerialization.jsonObject(with: file[8..<8 + length]) as? [String: Any])
        header["__metadata__"] = metadata
        let json = try JSONSerialization.data(withJSONObject: header)
        return withUnsafeBytes(of: UInt64(json.count)) { Data($0) } + json + file[(8 + length)...]
    }
}
