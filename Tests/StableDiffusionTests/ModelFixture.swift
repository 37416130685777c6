import Checkpoints
import Foundation
import StableDiffusion
import TensorKernels
import TestSupport
import Testing

/// A tiny model of the Fixtures folder with what diffusers computes for it (see make_model_fixtures.py).
struct ModelFixture: CustomTestStringConvertible {
    let name: String

    static let all = ["tiny-sd", "tiny-v", "tiny-sample"].map { ModelFixture(name: $0) }

    var testDescription: String { name }
    var folder: URL { Self.fixtures.appendingPathComponent(name) }
    var golden: GoldenFile { get throws { try GoldenFile(folder.appendingPathComponent("golden.safetensors")) } }

    static var fixtures: URL { Bundle.module.bundleURL.appendingPathComponent("Fixtures") }

    /// One run of the reference pipeline: its settings; its values are in the golden file under `NAME.`.
    struct Run: Decodable {
        let name: String
        let instruction: String
        let negative: String
        let sampler: String?
        let steps: Int
        let seed: UInt64
        let guidance: Float
        let image_guidance: Float
        /// Width and height in pixels.
        let size: [Int]
    }

    var runs: [Run] {
        get throws {
            struct Runs: Decodable { let runs: [Run] }
            let data = try Data(contentsOf: folder.appendingPathComponent("golden.json"))
            return try JSONDecoder().decode(Runs.self, from: data).runs
        }
    }

    func weights(_ part: String) throws -> WeightStore {
        try WeightStore(
            folder: folder.appendingPathComponent(part),
            name: part == "text_encoder" ? "model" : "diffusion_pytorch_model")
    }

    func configuration(_ part: String) -> URL { folder.appendingPathComponent("\(part)/config.json") }
}

/// What every stage must meet: a relative error in the Euclidean norm against diffusers in float32.
let tolerance = 2e-4

/// `[batch, height, width, channels]` from reference values in PyTorch's order.
func image(_ values: GoldenFile.Values, on compute: Compute) -> Tensor {
    compute.tensor(channelsFirst: values.floats, values.shape)
}
