import Checkpoints
import Foundation

/// A model whose configurations have been read and checked; weights are only looked for: a folder in diffusers' layout, or
/// one file in the single-file (LDM) layout, seen as such a folder.
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
    /// What is added to the weights when they are read.
    var adapters: [LowRankAdapter] = []
    /// Words that were added to the tokenizer's, with their vectors.
    public internal(set) var embeddings: [TextualInversion] = []
    private var catalogs: [ModelPart: WeightCatalog] = [:]
    /// What the model's author recommends in `cartoonize.json`.
    private let recommendations: ModelRecommendations
    /// The autoencoder that was given in place of the model's own.
    let replacedVAE: URL?
    /// What is odd about the model and does no harm, as sentences.
    public internal(set) var notes: [String]
    package let unet: UNetConfiguration
    package let vae: AutoencoderConfiguration
    /// The tiny autoencoder that previews are decoded with, in the folder `taesd` of a model that has one.
    package let previewAutoencoder: TinyAutoencoderConfiguration?
    /// The folder of a model that has a safety checker which is to be run.
    private(set) var safetyFolder: URL?
    package let textEncoder: CLIPTextConfiguration
    package let scheduler: SchedulerConfiguration
    var tokenizer: CLIPTokenizer
    /// Beside the weights, what decides how the model works; those of the tokenizer's may be missing that it can do without.
    let identifyingFiles: [URL]

    /// The sampler that the model asks for.
    ///
    /// - Throws: `SamplerError` when it is none of those here: another one has to be chosen. `ConfigurationError` for a
    ///   setting of the scheduler that is none.
    public var sampler: SamplerKind { get throws { try scheduler.samplerKind() } }

    /// The side in pixels of the images that the model was trained on.
    public var nativeSize: Int { recommendations.nativeSize }
    /// The most pixels that the model works at unless more are asked for.
    public var maxPixels: Int { recommendations.maxPixels }
    /// What instructions can ask for, where the model's author says so.
    public var instructionGuide: InstructionGuide? { recommendations.instructionGuide }

    /// The sampler that the model asks for, and what its author recommends in `cartoonize.json`.
    ///
    /// - Throws: as `sampler`.
    public var defaults: GenerationSettings { get throws { defaults(sampler: try sampler) } }

    /// What the model's author recommends, with a sampler that may be another than the model's own.
    public func defaults(sampler: SamplerKind) -> GenerationSettings {
        var settings = recommendations.settings
        settings.sampler = sampler
        if !adapters.isEmpty { settings.loras = adapters.map { .init(name: $0.name, strength: $0.strength) } }
        if !embeddings.isEmpty { settings.embeddings = embeddings.map(\.name) }
        settings.vae = replacedVAE?.deletingPathExtension().lastPathComponent
        return settings
    }

    /// The sides of images are multiples of this.
    public var vaeScaleFactor: Int { vae.scaleFactor }

    /// - Parameters:
    ///   - tokenizer: the folder of the tokenizer; the model's own if left out.
    ///   - vae: an autoencoder in place of the model's own, as `AutoencoderSource` reads it.
    /// - Throws: `ConfigurationError` or `CheckpointError` with a sentence that names the file.
    public init(_ folder: URL, tokenizer: URL? = nil, vae: URL? = nil) throws {
        let vae = try vae.map { try AutoencoderSource($0) }
        try self.init(folder, tokenizer: tokenizer, vae: vae) { part in
            if part == .vae, let vae { return vae.store }
            return try WeightStore(folder: folder.appendingPathComponent(part.rawValue), name: part.weightName)
        }
    }

    /// Checks a folder's configurations, whether its weights are there or not.
    ///
    /// - Throws: `ConfigurationError` for what is no model of the kind that works here.
    public static func requireSupported(_ folder: URL) throws {
        _ = try ModelDirectory(folder, tokenizer: nil, weights: nil)
    }

    /// Checks the name of the pipeline in a `model_index.json`, as far as a name shows what can be used.
    ///
    /// - Throws: `ConfigurationError` for one of another kind than works here.
    public static func requireSupported(index file: URL) throws {
        _ = try PipelineIndex(ConfigurationFile.fields(of: file), file: file.path)
    }

    private init(
        _ folder: URL, tokenizer: URL?, vae: AutoencoderSource? = nil, weights: ((ModelPart) throws -> WeightStore)?
    ) throws {
        try self.init(
            .folder(folder), tokenizer: tokenizer ?? folder.appendingPathComponent("tokenizer"),
            recommendations: folder.appendingPathComponent("cartoonize.json"), vae: vae?.location,
            read: { configuration in
                if case .part(.vae) = configuration, let vae, let json = vae.configuration {
                    return (try Self.fields(json, vae.location.path), vae.location.path)
                }
                let file = configuration.file(in: folder)
                return (try ConfigurationFile.fields(of: file), file.path)
            }, weights: weights)
    }

    /// A model in one file in the single-file (LDM) layout, in float32 or half, `.ckpt` or `.safetensors`.
    ///
    /// - Parameters:
    ///   - file: the path of the weights.
    ///   - tokenizer: the folder with the tokenizer that such a file lacks.
    ///   - useEMA: whether to take the averaged UNet weights instead of the last ones.
    ///   - vae: an autoencoder in place of the file's own, which then may be missing.
    /// - Throws: `ConfigurationError` or `CheckpointError` with a sentence that names the file.
    public init(file: URL, tokenizer: URL, useEMA: Bool = false, vae: URL? = nil) throws {
        let checkpoint = try SingleFileCheckpoint(file, useEMA: useEMA, vae: vae.map { try AutoencoderSource($0) })
        try self.init(
            .file(file), tokenizer: tokenizer, recommendations: nil, vae: vae,
            read: { configuration in
                let path = configuration.path
                let name = "\(file.path) (\(path))"
                return (try Self.fields(checkpoint.configurations[path] ?? Data("{}".utf8), name), name)
            }, weights: { checkpoint.weightStore($0) })
    }

    /// The fields of a configuration that is in memory.
    private static func fields(_ json: Data, _ file: String) throws -> [String: JSONValue] {
        do {
            return try JSONValue(parsing: [UInt8](json)).object ?? [:]
        } catch let error as JSONError {
            throw ConfigurationError(file: file, reason: "not valid JSON: \(error)")
        }
    }

    /// - Parameters:
    ///   - vae: where the autoencoder comes from that is not the model's own.
    ///   - read: the fields of a configuration, and what errors name it.
    ///   - weights: a part's, their headers read; nil for a model that has none yet.
    private init(
        _ source: Source, tokenizer: URL, recommendations: URL?, vae replacedVAE: URL?,
        read: (Configuration) throws -> (fields: [String: JSONValue], file: String),
        weights: ((ModelPart) throws -> WeightStore)?
    ) throws {
        func fields(
            _ configuration: Configuration, _ defaults: [String: JSONValue]
        ) throws -> ConfigurationFields {
            let (fields, file) = try read(configuration)
            return ConfigurationFields(fields, file: file, defaults: defaults)
        }
        self.source = source
        self.replacedVAE = replacedVAE
        var configurations: [URL] = []
        if case .folder(let folder) = source {
            let parts = ModelPart.allCases.filter { $0 != .vae || replacedVAE == nil }
            configurations = (parts.map { Configuration.part($0) } + [.scheduler])
                .map { $0.file(in: folder) }
        }
        identifyingFiles = configurations + CLIPTokenizer.files.map(tokenizer.appendingPathComponent)
        let pipeline = try read(.pipeline)
        let index = try PipelineIndex(pipeline.fields, file: pipeline.file)
        var notes: [String] = []
        unet = try UNetConfiguration(fields(.part(.unet), UNetConfiguration.defaults))
        let vaeFields = try read(.part(.vae))
        vae = try AutoencoderConfiguration(vaeFields.fields, file: vaeFields.file)
        textEncoder = try CLIPTextConfiguration(fields(.part(.textEncoder), CLIPTextConfiguration.defaults))
        self.tokenizer = try CLIPTokenizer(folder: tokenizer)
        let (ownSchedulerFields, schedulerFile) = try read(.scheduler)
        var schedulerFields = ownSchedulerFields
        if let named = index.schedulerClass, let own = schedulerFields["_class_name"]?.string, named != own {
            // As diffusers: the index says which class reads the file.
            notes.append(
                "the model's index names the scheduler \(named.prefix(60)) and its scheduler file \(own.prefix(60)); "
                    + "the index decides")
            schedulerFields["_class_name"] = .string(named)
        }
        scheduler = SchedulerConfiguration(fields: schedulerFields, file: schedulerFile)
        self.recommendations = try ModelRecommendations(file: recommendations)
        previewAutoencoder = try Self.previewAutoencoder(source)
        if case .folder(let folder) = source, !index.isWithoutSafetyChecker, SafetyChecker.isThere(in: folder) {
            safetyFolder = folder
        }
        if let other = index.otherPipeline {
            notes.append("the model's index calls it a \(other.prefix(60)), but its UNet is that of InstructPix2Pix")
        }
        var stores: [ModelPart: WeightStore] = [:]
        if let weights {
            for part in ModelPart.allCases { stores[part] = try weights(part) }
        }
        for part in ModelPart.allCases {
            guard let extra = stores[part]?.bystanders, !extra.isEmpty else { continue }
            notes.append(
                "\(part.rawValue) holds \(extra.count) tensors that no image needs: \(firstNames(extra))")
        }
        self.notes = notes
        catalogs = stores.mapValues { WeightCatalog($0) }
        try requireFit()
    }

    /// The weights of a part. The files stay mapped as long as the store or a weight from it lives.
    ///
    /// - Throws: `CheckpointError` if they cannot be mapped, or have changed since the model was looked at.
    package func weights(of part: ModelPart) throws -> WeightStore {
        let store = try catalog(of: part).open()
        for adapter in adapters { store.add(adapter.updates[part] ?? [:]) }
        return store
    }

    /// - Throws: `CheckpointError.changed` if a file of weights is no longer what it was when the model was looked at.
    public func requireUnchanged() throws {
        for catalog in catalogs.values { try catalog.requireUnchanged() }
        for adapter in adapters { try adapter.requireUnchanged() }
    }

    /// The virtual memory that a part's files take while they are mapped.
    func fileBytes(of part: ModelPart) -> Int { catalog(of: part).fileBytes }

    private func catalog(of part: ModelPart) -> WeightCatalog {
        guard let catalog = catalogs[part] else { preconditionFailure("no weights of \(part.rawValue)") }
        return catalog
    }

    /// Whether images that are made are looked at by the model's safety checker.
    public var checksSafety: Bool { safetyFolder != nil }

    /// The model without its safety checker, if it has one.
    public func withoutSafetyChecker() -> ModelDirectory {
        var model = self
        model.safetyFolder = nil
        return model
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
        if part == .vae, let replacedVAE { return replacedVAE.path }
        switch source {
        case .folder(let folder): return Configuration.part(part).file(in: folder).path
        case .file(let file): return file.path
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
            "in_channels is \(vae.inChannels) and out_channels \(vae.outChannels), but images have 3")
        if case .folder(let folder) = source, let tiny = previewAutoencoder {
            guard tiny.latentChannels == latents, tiny.outChannels == 3 else {
                throw ConfigurationError(
                    file: Configuration.preview.file(in: folder).path,
                    reason: "latent_channels is \(tiny.latentChannels) and out_channels \(tiny.outChannels), but the "
                        + "autoencoder's latents have \(latents) and images 3")
            }
        }
        try require(
            unet.inChannels == 2 * latents, .unet,
            "in_channels is \(unet.inChannels), but an InstructPix2Pix model takes twice the autoencoder's \(latents)"
                + (kindOfUNet(channels: unet.inChannels, latentChannels: latents).map { ": \($0)" } ?? ""))
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
