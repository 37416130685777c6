import Checkpoints
import Foundation

/// A model folder in diffusers' layout whose configurations have been read and checked; weights are only looked for.
public struct ModelDirectory: Sendable {
    /// What the model's author recommends, from `cartoonize.json`.
    public struct Defaults: Equatable, Sendable {
        public var instruction = "Cartoonize the following image"
        public var steps = 20
        public var guidanceScale: Float = 7.5
        public var imageGuidanceScale: Float = 1.5
        /// The side in pixels of the pictures that the model was trained on.
        public var nativeSize = 512

        init() {}
    }

    public let folder: URL
    public let defaults: Defaults
    /// The sampler that the model's scheduler file asks for.
    public let sampler: SamplerKind
    package let unet: UNetConfiguration
    package let vae: AutoencoderConfiguration
    package let textEncoder: CLIPTextConfiguration
    package let scheduler: SchedulerConfiguration
    let tokenizer: CLIPTokenizer

    /// The sides of pictures are multiples of this.
    public var vaeScaleFactor: Int { vae.scaleFactor }

    /// - Throws: `ConfigurationError`, `SamplerError` or `CheckpointError` with a sentence that names the file.
    public init(_ folder: URL) throws {
        self.folder = folder
        let index = folder.appendingPathComponent("model_index.json")
        let pipeline = ConfigurationFields(
            try ConfigurationFile.fields(of: index), file: index.path,
            defaults: ["_class_name": "StableDiffusionInstructPix2PixPipeline"])
        try pipeline.requireDefaults(of: ["_class_name"])
        unet = try UNetConfiguration(contentsOf: Part.unet.configuration(in: folder))
        vae = try AutoencoderConfiguration(contentsOf: Part.vae.configuration(in: folder))
        textEncoder = try CLIPTextConfiguration(contentsOf: Part.textEncoder.configuration(in: folder))
        tokenizer = try CLIPTokenizer(folder: folder.appendingPathComponent("tokenizer"))
        scheduler = try SchedulerConfiguration(
            json: folder.appendingPathComponent("scheduler/scheduler_config.json"))
        guard let sampler = scheduler.className.flatMap(SamplerKind.init(name:)) else {
            throw SamplerError.unknownClass(scheduler.className)
        }
        let usesKarras = try sampler == .dpmSolverMultistep && scheduler.flag("use_karras_sigmas", default: false)
        self.sampler = usesKarras ? .dpmSolverMultistepKarras : sampler
        defaults = try Defaults(folder.appendingPathComponent("cartoonize.json"))
        try requireFit()
        for part in Part.allCases { _ = try weights(of: part) }
    }

    /// A part of the model with weights of its own.
    enum Part: String, CaseIterable {
        case textEncoder = "text_encoder"
        case vae
        case unet

        func configuration(in folder: URL) -> URL {
            folder.appendingPathComponent(rawValue).appendingPathComponent("config.json")
        }
    }

    func weights(of part: Part) throws -> WeightStore {
        try WeightStore(
            folder: folder.appendingPathComponent(part.rawValue),
            name: part == .textEncoder ? "model" : "diffusion_pytorch_model")
    }

    /// Refuses parts that each are sound but do not go together.
    private func requireFit() throws {
        func require(_ condition: Bool, _ part: Part, _ reason: @autoclosure () -> String) throws {
            guard condition else {
                throw ConfigurationError(file: part.configuration(in: folder).path, reason: reason())
            }
        }
        let latents = vae.latentChannels
        try require(
            vae.inChannels == 3 && vae.outChannels == 3, .vae,
            "in_channels is \(vae.inChannels) and out_channels \(vae.outChannels), but pictures have 3")
        try require(
            unet.inChannels == 2 * latents, .unet,
            "in_channels is \(unet.inChannels), but an image-editing model takes twice the autoencoder's \(latents)")
        try require(
            unet.outChannels == latents, .unet,
            "out_channels is \(unet.outChannels), but the autoencoder's latents have \(latents)")
        try require(
            unet.crossAttentionDim == textEncoder.hiddenSize, .unet,
            "cross_attention_dim is \(unet.crossAttentionDim), but the text encoder's hidden_size is "
                + "\(textEncoder.hiddenSize)")
        try require(
            tokenizer.modelMaxLength <= textEncoder.maxPositionEmbeddings, .textEncoder,
            "max_position_embeddings is \(textEncoder.maxPositionEmbeddings), but the tokenizer gives "
                + "\(tokenizer.modelMaxLength) tokens")
        try require(
            tokenizer.vocabularySize <= textEncoder.vocabSize, .textEncoder,
            "vocab_size is \(textEncoder.vocabSize), but the tokenizer knows \(tokenizer.vocabularySize) tokens")
    }
}

extension ModelDirectory.Defaults {
    /// The recommendations in a file, or the family's where it leaves them out or does not exist.
    fileprivate init(_ file: URL) throws {
        self.init()
        guard FileManager.default.fileExists(atPath: file.path) else { return }
        let fields = ConfigurationFields(
            try ConfigurationFile.fields(of: file), file: file.path,
            defaults: [
                "instruction": .string(instruction), "steps": .number(Double(steps)),
                "guidance_scale": .number(Double(guidanceScale)),
                "image_guidance_scale": .number(Double(imageGuidanceScale)),
                "native_size": .number(Double(nativeSize)),
            ])
        instruction = try fields.string("instruction")
        steps = try fields.integer("steps", in: 1...1000)
        guidanceScale = try fields.positiveNumber("guidance_scale")
        imageGuidanceScale = try fields.positiveNumber("image_guidance_scale")
        nativeSize = try fields.integer("native_size", in: 8...65_536)
    }
}
