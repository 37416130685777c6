import Checkpoints
import Foundation
import StableDiffusion
import TensorKernels
import TestSupport
import Testing

/// What is added to tiny-sd, against what diffusers computes with it (see make_addition_fixtures.py).
@Suite struct AdditionTests {
    private let fixture = ModelFixture(name: "tiny-sd")
    private static var folder: URL { ModelFixture.fixtures.appendingPathComponent("additions") }
    private var golden: GoldenFile {
        get throws { try GoldenFile(Self.folder.appendingPathComponent("golden.safetensors")) }
    }

    // MARK: - Textual inversions

    private func modelWithEmbeddings() throws -> ModelDirectory {
        try ["webui.pt", "diffusers.bin", "paper.safetensors"].reduce(ModelDirectory(fixture.folder)) {
            try $0.applyingEmbedding(Self.folder.appendingPathComponent($1))
        }
    }

    @Test func embeddingsEqualDiffusers() throws {
        let model = try modelWithEmbeddings()
        #expect(model.embeddings.map(\.token) == ["ink-style", "<toy-cat>", "<paper>"])
        #expect(model.embeddings.map(\.vectors.count) == [2, 1, 3])
        let stages = try stages(model, "a photo in ink-style, of <TOY-cat>.", "<paper> blurry <paper>,ink-styles")
        let (ids, text) = (try #require(stages["token_ids"]).values, try #require(stages["text"]).values)
        let golden = try golden
        #expect(try differences(ids, golden["embeddings.ids"].floats.prefix(ids.count)) == nil)
        #expect(try relativeError(text, Array(golden["embeddings.text"].floats.prefix(text.count))) < tolerance)
        #expect(ids.count == 2 * 77)
    }

    /// diffusers takes the first vector alone where a word of several is not in lower case.
    @Test func wordsInCapitalsTakeAllVectors() throws {
        let ids = try #require(stages(modelWithEmbeddings(), "in Ink-STYLE", "in ink-style")["token_ids"]).values
        #expect(ids.prefix(77) == ids.suffix(77))
    }

    @Test func settingsNameTheEmbeddings() throws {
        let model = try modelWithEmbeddings()
        var settings = try model.defaults
        #expect(settings.embeddings == ["webui", "diffusers", "paper"])
        #expect(GenerationParameters(settings, seed: 1, width: 64, height: 64).embeddings == settings.embeddings)
        (settings.instruction, settings.guidanceScale) = ("in INK-style", 7)
        settings.negativePrompt = "<paper>"
        #expect(model.unusedEmbeddings(by: settings).map(\.name) == ["diffusers"])
        #expect(try identity(model) != identity(ModelDirectory(fixture.folder)))
    }

    @Test func embeddingsThatDoNotFitAreRefused() throws {
        let model = try modelWithEmbeddings()
        func refusal(_ file: String) -> String {
            let file = Self.folder.appendingPathComponent(file)
            return thrownError(CheckpointError.self) { try model.applyingEmbedding(file) }.map { "\($0)" } ?? "none"
        }
        #expect(refusal("webui.pt").contains("ink-style, is there already"))
        #expect(refusal("lcm.safetensors").contains("LoRA"))
        #expect(refusal("nothing.pt").contains("nothing.pt"))
    }

    private func identity(_ model: ModelDirectory) throws -> Data {
        var pieces = Data()
        try model.forEachIdentifyingPiece { pieces.append(contentsOf: $0) }
        return pieces
    }

    // MARK: - Whole runs

    private func stages(
        _ model: ModelDirectory, _ instruction: String = "Turn it into a sketch", _ negative: String = ""
    ) throws -> [String: StageValue] {
        var settings = try model.defaults
        (settings.instruction, settings.negativePrompt) = (instruction, negative)
        settings.sampler = try #require(SamplerKind(name: "lcm"))
        (settings.steps, settings.guidanceScale, settings.imageGuidanceScale) = (4, 1.5, 1.2)
        let request = GenerationRequest(
            image: PixelImage(width: 64, height: 64, rgb: try golden["photo"].bytes), settings: settings, seed: 3)
        var stages: [String: StageValue] = [:]
        let pipeline = try InstructPix2Pix(model: model, compute: Compute(threads: 2))
        _ = try pipeline.generate(request, observer: { stages[$0.name] = $0 })
        return stages
    }

    @Test func anLCMLoRAEqualsDiffusers() throws {
        let file = Self.folder.appendingPathComponent("lcm.safetensors")
        let stages = try stages(ModelDirectory(fixture.folder).applyingLoRA(file))
        for name in ["latents.0", "latents.3", "output"] {
            let stage = try #require(stages[name])
            #expect(try relativeError(stage.values, golden["lcm.\(name)"].floats) < tolerance, "\(name)")
        }
    }

    @Test(arguments: ["vae", "vae/diffusion_pytorch_model.safetensors"])
    func anotherAutoencoderEqualsDiffusers(path: String) throws {
        let file = Self.folder.appendingPathComponent(path)
        let model = try ModelDirectory(fixture.folder, vae: file)
        let stages = try stages(model)
        for name in ["image_latents", "output"] {
            let stage = try #require(stages[name])
            #expect(try relativeError(stage.values, golden["vae.\(name)"].floats) < tolerance, "\(name)")
        }
        #expect(try identity(model) != identity(ModelDirectory(fixture.folder)))
        let settings = try model.defaults
        #expect(settings.vae == file.deletingPathExtension().lastPathComponent)
        #expect(GenerationParameters(settings, seed: 1, width: 64, height: 64).vae == settings.vae)
    }
}
