import Checkpoints
import Foundation

/// A model whose configurations have been read and checked; weights are only looked for: a folder in diffusers' layout, or
/// one file of the original layout, seen as such a folder.
public struct ModelDirectory: Sendable {
    private enum Source: Sendable {
        case folder(URL)
        case file(URL)
    }

    private static let previewFolder = "taesd"

    /// The files of configuration in a model's folder.
    private enum Configuration {
        case pipeline
        case part(ModelPart)
        case scheduler
        case preview

        var path: String {
            switch self {
            case .pipeline: "model_index.json"
            case .part(let part): "\(part.rawValue)/config.json"
            case .scheduler: "scheduler/scheduler_config.json"
            case .preview: "\(previewFolder)/config.json"
            }
        }

        func file(in folder: URL) -> URL { folder.appendingPathComponent(path) }
    }

    private let source: Source
    private var catalogs: [ModelPart: WeightCatalog] = [:]
    /// The sampler that the model's scheduler file asks for, and what its author recommends in `cartoonize.json`.
    public let defaults: GenerationSettings
    /// The side in pixels of the pictures that the model was trained on.
    public let nativeSize: Int
    package let unet: UNetConfiguration
    package let vae: AutoencoderConfiguration
    /// The tiny autoencoder that previews are decoded with, in the folder `taesd` of a model that has one.
    package let previewAutoencoder: TinyAutoencoderConfiguration?
    package let textEncoder: CLIPTextConfiguration
    package let scheduler: SchedulerConfiguration
    let tokenizer: CLIPTokenizer
    /// Beside the weights, what decides how the model works; those of the tokenizer's may be missing that it can do without.
    let identifyingFiles: [URL]

    /// The sides of pictures are multiples of this.
    public var vaeScaleFactor: Int { vae.scaleFactor }

    /// - Throws: `ConfigurationError`, `SamplerError` or `CheckpointError` with a sentence that names the file.
    public init(_ folder: URL) throws {
        try self.init(
            .folder(folder), tokenizer: folder.appendingPathComponent("tokenizer"),
            recommendations: folder.appendingPathComponent("cartoonize.json")
        ) { configuration in
            let file = configuration.file(in: folder)
            return (try ConfigurationFile.fields(of: file), file.path)
        } weights: {
            try WeightStore(folder: folder.appendingPathComponent($0.rawValue), name: $0.weightName)
        }
    }

    /// A model in one file of the original layout, in float32 or half, `.ckpt` or `.safetensors`.
    ///
    /// - Parameters:
    ///   - file: the path of the weights.
    ///   - tokenizer: the folder with the `vocab.json` and `merges.txt` that such a file lacks.
    /// - Throws: `ConfigurationError`, `SamplerError` or `CheckpointError` with a sentence that names the file.
    public init(file: URL, tokenizer: URL) throws {
        let checkpoint = try SingleFileCheckpoint(file)
        try self.init(.file(file), tokenizer: tokenizer, recommendations: nil) { configuration in
            let path = configuration.path
            let json = checkpoint.configurations[path].map { [UInt8]($0) } ?? []
            return (try JSONValue(parsing: json).object ?? [:], "\(file.path) (\(path))")
        } weights: {
            checkpoint.weightStore($0)
        }
    }

    /// - Parameters:
    ///   - read: the fields of a configuration, and what errors name it.
    ///   - weights: a part's, their headers read.
    private init(
        _ source: Source, tokenizer: URL, recommendations: URL?,
        read: (Configuration) throws -> (fields: [String: JSONValue], file: String),
        weights: (ModelPart) throws -> WeightStore
    ) throws {
        func fields(
            _ configuration: Configuration, _ defaults: [String: JSONValue]
        ) throws -> ConfigurationFields {
            let (fields, file) = try read(configuration)
            return ConfigurationFields(fields, file: file, defaults: defaults)
        }
        self.source = source
        let tokenizerFiles = ["vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json"]
        var configurations: [URL] = []
        if case .folder(let folder) = source {
            configurations = [Configuration.part(.unet), .part(.vae), .part(.textEncoder), .scheduler]
                .map { $0.file(in: folder) }
        }
        identifyingFiles = configurations + tokenizerFiles.map(tokenizer.appendingPathComponent)
        let pipeline = try fields(.pipeline, ["_class_name": "StableDiffusionInstructPix2PixPipeline"])
        try pipeline.requireDefaults(of: ["_class_name"])
        unet = try UNetConfiguration(fields(.part(.unet), UNetConfiguration.defaults))
        let vaeFields = try read(.part(.vae))
        vae = try AutoencoderConfiguration(vaeFields.fields, file: vaeFields.file)
        textEncoder = try CLIPTextConfiguration(fields(.part(.textEncoder), CLIPTextConfiguration.defaults))
        self.tokenizer = try CLIPTokenizer(folder: tokenizer)
        let (schedulerFields, schedulerFile) = try read(.scheduler)
        scheduler = SchedulerConfiguration(fields: schedulerFields, file: schedulerFile)
        (defaults, nativeSize) = try Self.defaults(recommendations, sampler: scheduler.samplerKind())
        previewAutoencoder = try Self.previewAutoencoder(source)
        try requireFit()
        for part in ModelPart.allCases { catalogs[part] = WeightCatalog(try weights(part)) }
    }

    /// The weights of a part. The files stay mapped as long as the store or a weight from it lives.
    ///
    /// - Throws: `CheckpointError` if they cannot be mapped, or have changed since the model was looked at.
    package func weights(of part: ModelPart) throws -> WeightStore { try catalog(of: part).open() }

    /// The addresses that a part's files take while they are mapped.
    func fileBytes(of part: ModelPart) -> Int { catalog(of: part).fileBytes }

    private func catalog(of part: ModelPart) -> WeightCatalog {
        guard let catalog = catalogs[part] else { preconditionFailure("no weights of \(part.rawValue)") }
        return catalog
    }

    /// The weights of the tiny autoencoder for previews.
    package func previewWeights() throws -> WeightStore {
        guard case .folder(let folder) = source else { preconditionFailure("a single file has no folder for previews") }
        return try WeightStore(
            folder: folder.appendingPathComponent(Self.previewFolder), name: ModelPart.vae.weightName)
    }

    private static func previewAutoencoder(_ source: Source) throws -> TinyAutoencoderConfiguration? {
        guard case .folder(let folder) = source else { return nil }
        let file = Configuration.preview.file(in: folder)
        return FileManager.default.fileExists(atPath: file.path)
            ? try TinyAutoencoderConfiguration(contentsOf: file) : nil
    }

    /// What errors call the configuration of a part.
    private func configuration(of part: ModelPart) -> String {
        switch source {
        case .folder(let folder): Configuration.part(part).file(in: folder).path
        case .file(let file): file.path
        }
    }

    /// Refuses parts that each are sound but do not go together.
    private func requireFit() throws {
        func require(_ condition: Bool, _ part: ModelPart, _ reason: @autoclosure () -> String) throws {
            guard condition else {
                throw ConfigurationError(file: configuration(of: part), reason: reason())
            }
        }
        let latents = vae.latentChannels
        try require(
            vae.inChannels == 3 && vae.outChannels == 3, .vae,
            "in_channels is \(vae.inChannels) and out_channels \(vae.outChannels), but pictures have 3")
        if case .folder(let folder) = source, let tiny = previewAutoencoder {
            guard tiny.latentChannels == latents, tiny.outChannels == 3 else {
                throw ConfigurationError(
                    file: Configuration.preview.file(in: folder).path,
                    reason: "latent_channels is \(tiny.latentChannels) and out_channels \(tiny.outChannels), but the "
                        + "autoencoder's latents have \(latents) and pictures 3")
            }
        }
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

    /// The recommendations in a file, or the family's where it leaves them out or does not exist.
    private static func defaults(
        _ file: URL?, sampler: SamplerKind
    ) throws -> (settings: GenerationSettings, nativeSize: Int) {
        var settings = GenerationSettings(sampler: sampler)
        let usualSize = 512
        guard let file, FileManager.default.fileExists(atPath: file.path) else { return (settings, usualSize) }
        let fields = ConfigurationFields(
            try ConfigurationFile.fields(of: file), file: file.path,
            defaults: [
                "instruction": .string(settings.instruction), "steps": .number(Double(settings.steps)),
                "guidance_scale": .number(Double(settings.guidanceScale)),
                "image_guidance_scale": .number(Double(settings.imageGuidanceScale)),
                "native_size": .number(Double(usualSize)),
            ])
        settings.instruction = try fields.string("instruction")
        settings.steps = try fields.integer("steps", in: 1...1000)
        settings.guidanceScale = try fields.positiveNumber("guidance_scale")
        settings.imageGuidanceScale = try fields.positiveNumber("image_guidance_scale")
        return (settings, try fields.integer("native_size", in: 8...65_536))
    }
}
