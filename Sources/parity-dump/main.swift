// Writes every stage of one run as safetensors, for Tests/suites/parity/parity.py to compare with diffusers.
//
//     parity-dump RUN.json

import Checkpoints
import Foundation
import StableDiffusion
import TensorKernels

/// What to run and where the values go.
struct Run: Decodable {
    /// A folder, or one file in the single-file (LDM) layout.
    let model: String
    /// What a single file goes without.
    let tokenizer: String
    /// A file of `width * height * 3` bytes of RGB.
    let pixels: String
    let width: Int
    let height: Int
    let instruction: String
    let negative: String
    let steps: Int
    let guidance: Float
    let imageGuidance: Float
    let seed: UInt64
    /// A name of the command line or of diffusers; nil for the model's own.
    let sampler: String?
    let threads: Int
    /// What is added to the model, in order.
    let loras: [LoRA]
    let embeddings: [String]
    /// An autoencoder in place of the model's own.
    let vae: String?
    let output: String

    struct LoRA: Decodable {
        let file: String
        let strength: Float
    }
}

func stages(of run: Run) throws -> [StageValue] {
    let (location, vae) = (URL(fileURLWithPath: run.model), run.vae.map { URL(fileURLWithPath: $0) })
    var model =
        location.hasDirectoryPath
        ? try ModelDirectory(location, vae: vae)
        : try ModelDirectory(file: location, tokenizer: URL(fileURLWithPath: run.tokenizer), vae: vae)
    model = try run.loras.reduce(model) {
        try $0.applyingLoRA(URL(fileURLWithPath: $1.file), strength: $1.strength)
    }
    model = try run.embeddings.reduce(model) { try $0.applyingEmbedding(URL(fileURLWithPath: $1)) }
    var settings = try model.defaults
    (settings.instruction, settings.negativePrompt, settings.steps) = (run.instruction, run.negative, run.steps)
    (settings.guidanceScale, settings.imageGuidanceScale) = (run.guidance, run.imageGuidance)
    settings.sampler = run.sampler.flatMap(SamplerKind.init(name:)) ?? settings.sampler
    let pixels = [UInt8](try Data(contentsOf: URL(fileURLWithPath: run.pixels)))
    let request = GenerationRequest(
        image: PixelImage(width: run.width, height: run.height, rgb: pixels), settings: settings, seed: run.seed)
    let pipeline = try InstructPix2Pix(
        model: model, compute: Compute(threads: run.threads))
    var stages: [StageValue] = []
    let image = try pipeline.generate(request, observer: { stages.append($0) }).image
    return stages + [
        StageValue(name: "image", shape: [image.height, image.width, 3], values: image.rgb.map { Float($0) })
    ]
}

func write(_ stages: [StageValue], to url: URL) throws {
    let values = Dictionary(uniqueKeysWithValues: stages.map { ($0.name, $0.values) })
    let writer = try SafetensorsWriter(
        url, tensors: stages.map { .init(key: $0.name, dataType: .float32, shape: $0.shape) })
    for tensor in writer.tensors {
        try (values[tensor.key] ?? []).withUnsafeBytes { try writer.append($0) }
    }
    try writer.finish()
}

do {
    guard CommandLine.arguments.count == 2 else {
        FileHandle.standardError.write(Data("usage: parity-dump RUN.json\n".utf8))
        exit(2)
    }
    let run = try JSONDecoder().decode(
        Run.self, from: Data(contentsOf: URL(fileURLWithPath: CommandLine.arguments[1])))
    try write(stages(of: run), to: URL(fileURLWithPath: run.output))
} catch {
    FileHandle.standardError.write(Data("parity-dump: \(error)\n".utf8))
    exit(1)
}
