import Checkpoints
import Foundation
import StableDiffusion
import TensorKernels
import TestSupport
import Testing

/// A copy of a tiny model to damage, removed at the end.
private final class ModelCopy {
    let folder: URL

    init(_ name: String = "tiny-sample") throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.copyItem(at: ModelFixture(name: name).folder, to: folder)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func file(_ path: String) -> URL { folder.appendingPathComponent(path) }

    /// Replaces one field of a JSON file.
    func set(_ field: String, to value: Any?, in path: String) throws {
        let data = try Data(contentsOf: file(path))
        var object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        object[field] = value
        try JSONSerialization.data(withJSONObject: object).write(to: file(path))
    }
}

@Suite struct ModelDirectoryTests {
    private let compute: Compute

    init() throws { compute = try Compute(threads: 1) }

    private func request(_ model: ModelDirectory, width: Int = 16, height: Int = 16) throws -> GenerationRequest {
        var settings = try model.defaults
        (settings.instruction, settings.steps, settings.guidanceScale) = ("a cartoon", 1, 2)
        return GenerationRequest(
            image: PixelImage(
                width: width, height: height, rgb: Array(repeating: 99, count: max(0, 3 * width * height))),
            settings: settings, seed: 1)
    }

    @Test func recommendationsComeFromTheModelsFile() throws {
        let copy = try ModelCopy()
        let unnamed = try ModelDirectory(copy.folder)
        #expect(unnamed.nativeSize == 512 && unnamed.maxPixels == 1_048_576)
        let family = try ModelDirectory(copy.folder).defaults
        #expect(family.instruction == "Cartoonize the following image" && family.steps == 20)
        #expect(family.guidanceScale == 7.5 && family.imageGuidanceScale == 1.5)
        try Data(#"{"instruction": "Draw it", "steps": 4, "image_guidance_scale": 1, "max_pixels": 99}"#.utf8)
            .write(to: copy.file("cartoonize.json"))
        let own = try ModelDirectory(copy.folder).defaults
        #expect(try ModelDirectory(copy.folder).maxPixels == 99)
        #expect(own.instruction == "Draw it" && own.steps == 4)
        #expect(own.guidanceScale == 7.5 && own.imageGuidanceScale == 1)
        for bad in [
            #"{"steps": -4}"#, #"{"understands": ["cartoon"]}"#, #"{"understands": {"summary": "a", "words": [1]}}"#,
        ] {
            try Data(bad.utf8).write(to: copy.file("cartoonize.json"))
            #expect(throws: ConfigurationError.self) { try ModelDirectory(copy.folder) }
        }
    }

    @Test func instructionsAreCoveredByTheWordsOfTheModel() throws {
        let copy = try ModelCopy()
        #expect(try ModelDirectory(copy.folder).instructionGuide == nil)
        try Data(#"{"understands": {"summary": "styles\n(cartoon)", "words": ["cartoon", "black"]}}"#.utf8)
            .write(to: copy.file("cartoonize.json"))
        let guide = try #require(try ModelDirectory(copy.folder).instructionGuide)
        #expect(guide.summary == "styles (cartoon)")
        for known in ["", "  ", "A Cartoon!", "black-and-white"] { #expect(guide.covers(known), "\(known)") }
        for unknown in ["add a hat", "cartoons", "blacken it"] { #expect(!guide.covers(unknown), "\(unknown)") }
    }

    @Test func namesTheModelsSamplerAndFactor() throws {
        let directories = try ModelFixture.all.map { try ModelDirectory($0.folder) }
        #expect(try directories.map { try $0.defaults.sampler } == [.eulerA, .ddim, .ddim])
        #expect(directories.map(\.vaeScaleFactor) == [8, 2, 8])
    }

    @Test(arguments: [
        "model_index.json", "unet/config.json", "vae/config.json", "text_encoder/config.json",
        "scheduler/scheduler_config.json", "tokenizer/vocab.json",
    ])
    func missingOrDamagedConfigurationIsNamed(path: String) throws {
        let copy = try ModelCopy()
        for damage in [nil, Data(), Data("{\"a\": ".utf8), Data([0xFF, 0x00, 0x7B])] {
            try FileManager.default.removeItem(at: copy.file(path))
            try damage?.write(to: copy.file(path))
            #expect { try ModelDirectory(copy.folder) } throws: {
                ($0 as? ConfigurationError)?.file.hasSuffix(path) ?? false
            }
            try Data().write(to: copy.file(path))
        }
        try FileManager.default.removeItem(at: copy.file(path))
        try FileManager.default.createDirectory(at: copy.file(path), withIntermediateDirectories: false)
        #expect(throws: ConfigurationError.self) { try ModelDirectory(copy.folder) }
    }

    @Test(arguments: [
        "unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
    ])
    func missingOrCutWeightsAreFoundBeforeARun(path: String) throws {
        let copy = try ModelCopy()
        let data = try Data(contentsOf: copy.file(path))
        try data.prefix(data.count - 1).write(to: copy.file(path))
        #expect(throws: CheckpointError.self) { try ModelDirectory(copy.folder) }
        try FileManager.default.removeItem(at: copy.file(path))
        #expect(throws: CheckpointError.self) { try ModelDirectory(copy.folder) }
    }

    /// Parts that are sound alone but do not go together.
    @Test(arguments: [
        ("unet/config.json", "in_channels", 8), ("unet/config.json", "out_channels", 4),
        ("unet/config.json", "cross_attention_dim", 16), ("vae/config.json", "in_channels", 1),
        ("text_encoder/config.json", "vocab_size", 500), ("text_encoder/config.json", "max_position_embeddings", 8),
    ])
    func partsMustFit(path: String, field: String, value: Int) throws {
        let copy = try ModelCopy()
        try copy.set(field, to: value, in: path)
        #expect { try ModelDirectory(copy.folder) } throws: {
            guard let error = $0 as? ConfigurationError else { return false }
            return error.reason.contains(field) && error.file.hasSuffix(path)
        }
    }

    /// An index that names another pipeline or scheduler than the parts are of: the UNet decides the one, the index the other.
    @Test func oddIndicesAreNoted() throws {
        let copy = try ModelCopy()
        #expect(try ModelDirectory(copy.folder).notes.isEmpty)
        try copy.set("_class_name", to: "StableDiffusionPipeline", in: "model_index.json")
        try copy.set("_class_name", to: "LMSDiscreteScheduler", in: "scheduler/scheduler_config.json")
        try copy.set("scheduler", to: ["diffusers", "HeunDiscreteScheduler"], in: "model_index.json")
        let model = try ModelDirectory(copy.folder)
        #expect(try model.sampler == .heun)
        #expect(model.notes.count == 2 && model.notes[0].contains("the index decides"), "\(model.notes)")
        try copy.set("scheduler", to: ["diffusers", "LMSDiscreteScheduler"], in: "model_index.json")
        let other = try ModelDirectory(copy.folder)
        #expect(throws: SamplerError.self) { try other.sampler }
        _ = try other.defaults(sampler: .euler).sampler.makeSampler(other.scheduler, steps: 3)
    }

    @Test func anotherKindOfPipelineIsRefused() throws {
        let copy = try ModelCopy()
        try copy.set("_class_name", to: "StableDiffusionXLPipeline", in: "model_index.json")
        #expect(throws: ConfigurationError.self) { try ModelDirectory(copy.folder) }
    }

    /// A configuration that leaves stored tensors over, or wants others, names them.
    @Test(arguments: [
        ("unet/config.json", "mid_block_type", "UNetMidBlock2D" as JSONValue, "mid_block.resnets.0"),
        ("vae/config.json", "use_quant_conv", false, "quant_conv.weight"),
        ("vae/config.json", "use_post_quant_conv", false, "post_quant_conv.weight"),
        ("vae/config.json", "layers_per_block", 2, "resnets.1.norm1"),
        ("text_encoder/config.json", "num_hidden_layers", 2, "encoder.layers.1"),
        ("text_encoder/config.json", "intermediate_size", 32, "fc1.weight"),
    ])
    func weightsMustMatchTheConfiguration(path: String, field: String, value: JSONValue, named: String) throws {
        let copy = try ModelCopy()
        let plain: Any =
            switch value {
            case .string(let text): text
            case .bool(let flag): flag
            case .number(let number): Int(number)
            default: NSNull()
            }
        try copy.set(field, to: plain, in: path)
        let model = try ModelDirectory(copy.folder)
        let pipeline = try InstructPix2Pix(model: model, compute: compute)
        #expect { try pipeline.generate(request(model)) } throws: {
            guard let error = $0 as? CheckpointError else { return false }
            return error.description.contains(named)
        }
    }

    @Test func requestsAreCheckedBeforeWeightsAreRead() throws {
        let model = try ModelDirectory(ModelFixture(name: "tiny-sample").folder)
        let pipeline = try InstructPix2Pix(model: model, compute: compute)
        var wrong = try [
            request(model, width: 17), request(model, height: 12), request(model, width: 0),
            request(model, width: -8), request(model, width: 8),  // one latent: the UNet would halve it to none
            request(model), request(model), request(model), request(model),
        ]
        wrong[5].image.rgb.removeLast()
        wrong[6].settings.guidanceScale = .nan
        wrong[7].settings.imageGuidanceScale = .infinity
        wrong[8].image.width = .max
        for request in wrong {
            #expect(throws: GenerationError.self) {
                try pipeline.generate(request, progress: { Issue.record("started: \($0)") })
            }
        }
        var steps = try request(model)
        steps.settings.steps = 0
        #expect(throws: SamplerError.self) {
            try pipeline.generate(steps, progress: { Issue.record("started: \($0)") })
        }
    }

    /// A file of settings that is there but cannot be looked at is not taken for one that is not there.
    @Test(arguments: ["cartoonize.json", "tokenizer/tokenizer_config.json", "tokenizer/special_tokens_map.json"])
    func settingsThatCannotBeReadAreAnError(name: String) throws {
        let fixture = ModelFixture(name: "tiny-sd")
        let copy = FileManager.default.temporaryDirectory.appendingPathComponent("model-\(UUID().uuidString)")
        try FileManager.default.copyItem(at: fixture.folder, to: copy)
        defer { try? FileManager.default.removeItem(at: copy) }
        let file = copy.appendingPathComponent(name)
        try? FileManager.default.removeItem(at: file)
        // A link to itself: the system refuses to look where it leads, also for root.
        try FileManager.default.createSymbolicLink(atPath: file.path, withDestinationPath: file.path)
        let error = thrownError(ConfigurationError.self) { try ModelDirectory(copy) }
        #expect(error?.file == file.path)
        // One that leads nowhere is as none.
        try FileManager.default.removeItem(at: file)
        try FileManager.default.createSymbolicLink(atPath: file.path, withDestinationPath: file.path + ".none")
        _ = try ModelDirectory(copy)
    }
}
