import Checkpoints
import Foundation
import StableDiffusion
import TensorKernels
import TestSupport
import Testing

/// `AutoencoderTiny` against diffusers; `make_tiny_autoencoders.py` made the golden files.
@Suite struct TinyAutoencoderTests {
    private let compute: Compute

    init() throws { compute = try Compute(threads: 2) }

    private func fixture(_ name: String) throws -> (AutoencoderConfiguration, WeightStore, GoldenFile) {
        let folder = ModelFixture.fixtures.appendingPathComponent(name)
        return (
            try AutoencoderConfiguration(contentsOf: folder.appendingPathComponent("config.json")),
            try WeightStore(folder: folder, name: "diffusion_pytorch_model"),
            try GoldenFile(folder.appendingPathComponent("golden.safetensors"))
        )
    }

    @Test(arguments: ["taesd-narrow", "taesd-odd"]) func encoderEqualsDiffusers(name: String) throws {
        let (configuration, weights, golden) = try fixture(name)
        let encoder = try ImageEncoder(weights, configuration, compute: compute)
        let latents = encoder(image(try golden["image"], on: compute))
        let expected = try golden["latents"]
        #expect([1, latents.shape[3], latents.shape[1], latents.shape[2]] == expected.shape)
        #expect(relativeError(latents.channelsFirstValues, expected.floats) < 5e-6)
    }

    @Test(arguments: ["taesd-narrow", "taesd-odd"]) func decoderEqualsDiffusers(name: String) throws {
        let (configuration, weights, golden) = try fixture(name)
        let decoder = try ImageDecoder(weights, configuration, compute: compute)
        let decoded = decoder(image(try golden["other_latents"], on: compute))
        let expected = try golden["decoded"]
        #expect([1, decoded.shape[3], decoded.shape[1], decoded.shape[2]] == expected.shape)
        #expect(relativeError(decoded.channelsFirstValues, expected.floats) < 5e-6)
    }

    @Test func configurationsSayWhatTheyAre() throws {
        let (narrow, _, _) = try fixture("taesd-narrow")
        let (odd, _, _) = try fixture("taesd-odd")
        #expect(narrow.scaleFactor == 8 && narrow.latentChannels == 4 && narrow.scalingFactor == 1)
        #expect(odd.scaleFactor == 4 && odd.latentChannels == 5 && odd.scalingFactor == 0.7)
    }

    @Test(
        arguments: [
            ("act_fn", "mish", "act_fn is “mish”, but only relu, silu and gelu are supported"),
            ("upsample_fn", "bilinear", "upsample_fn is “bilinear”, but only “nearest” is supported"),
        ] as [(String, JSONValue, String)])
    func refusesWhatItLeavesOut(field: String, value: JSONValue, reason: String) {
        #expect(throws: ConfigurationError(file: "config.json", reason: reason)) { try read([field: value]) }
    }

    @Test func refusesLevelsThatDoNotFit() {
        #expect(throws: ConfigurationError.self) { try read(["encoder_block_out_channels": [64, 64, 64]]) }
        #expect(throws: ConfigurationError.self) { try read(["decoder_block_out_channels": [64, 64, 32, 32]]) }
        #expect(throws: ConfigurationError.self) { try read(["num_decoder_blocks": [3, 3, 3]]) }
        #expect(throws: ConfigurationError.self) { try read(["num_encoder_blocks": []]) }
        #expect(throws: ConfigurationError.self) { try read(["num_encoder_blocks": [1, 3, 3, 1000]]) }
    }

    private func read(_ fields: [String: JSONValue]) throws -> TinyAutoencoderConfiguration {
        try TinyAutoencoderConfiguration(
            ConfigurationFields(fields, file: "config.json", defaults: TinyAutoencoderConfiguration.defaults))
    }
}
