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
    }

    /// One layer that fits, for hostile variants: rank 1 of a key that tiny-sd has.
    private static let layer = "lora_unet_mid_block_attentions_0_proj_in"

    @Test func strangeKeysAreNoted() throws {
        let model = try withLoRA([("down", [1, 24], 1), ("up", [24, 1], 1)], more: ["lora_unet_nowhere.alpha"]) {
            try ModelDirectory(fixture.folder).applyingLoRA($0)
        }
        #expect(model.notes.contains { $0.contains("lora_unet_nowhere.alpha") })
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
        _ tensors: [(String, [Int], Float)], more: [String], _ body: (URL) throws -> Result
    ) throws -> Result {
        var (header, data): ([String: [String: Any]], Data) = ([:], Data())
        let named = tensors.map { name, shape, value in
            (name == "alpha" ? "\(Self.layer).alpha" : "\(Self.layer).lora_\(name).weight", shape, value)
        }
        for (key, shape, value) in named + more.map({ ($0, [1], Float(1)) }) {
            let start = data.count
            for _ in 0..<shape.reduce(1, *) { withUnsafeBytes(of: value) { data.append(contentsOf: $0) } }
            header[key] = ["dtype": "F32", "shape": shape, "data_offsets": [start, data.count]]
        }
        let json = try JSONSerialization.data(withJSONObject: header)
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("lora.safetensors")
        try (withUnsafeBytes(of: UInt64(json.count)) { Data($0) } + json + data).write(to: file)
        return try body(file)
    }
}
