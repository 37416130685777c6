import StableDiffusion

/// What is said of a run by its options, and by the image that `--params-from` names where the options are silent.
struct GivenSettings {
    let changes: [GenerationSettings.Change]
    let seed: UInt64?
    let model: String?
    /// The LoRAs and embeddings of the image that `--params-from` names.
    let loras: [GenerationSettings.LoRA]
    let embeddings: [String]
    /// Its VAE, if that was not the model's own.
    let vae: String?

    /// - Parameter text: gives the parameters inside the image at a path.
    init(_ options: GenerationOptions, reading text: (String) throws -> String?) throws {
        guard let picture = options.paramsFrom else {
            (changes, seed, model) = (options.changes, options.seed, options.model)
            (loras, embeddings, vae) = ([], [], nil)
            return
        }
        guard let text = try text(picture) else {
            throw CommandFailure(.input, "there are no parameters inside \(picture)")
        }
        func failure(_ reason: String) -> CommandFailure {
            CommandFailure(.input, "cannot use the parameters inside \(picture): \(reason)")
        }
        let (parameters, changes) = (GenerationParameters(text: text), options.changes)
        do {
            self.changes = try parameters.changes(except: changes.map(\.path)) + changes
            seed = try options.seed ?? parameters.value(of: "Seed")
            model = try options.model ?? parameters.value(of: "Model")
            (loras, embeddings, vae) = (try parameters.loras, parameters.embeddings, parameters.vae)
        } catch let error as GenerationParameters.UnreadableField {
            throw failure(error.description)
        }
        if let reason = options.outOfRange(self.changes, seed: seed) { throw failure(reason) }
    }

    func changes(_ path: PartialKeyPath<GenerationSettings>) -> Bool { changes.contains { $0.path == path } }

    /// The sampler that is asked for; nil for the model's own.
    var sampler: SamplerKind? {
        changes(\.sampler) ? GenerationSettings(sampler: .ddim).applying(changes).sampler : nil
    }

    /// The options that do nothing while guidance is off; nil when there are none.
    var withoutEffectUnguided: String? {
        var settings = GenerationSettings(sampler: .ddim)
        (settings.guidanceScale, settings.imageGuidanceScale) = (1, 1)
        settings = settings.applying(changes)
        var options: [String] = []
        if !settings.negativePrompt.isEmpty { options.append("--negative") }
        if settings.guidanceScale > 1 { options.append("--guidance") }
        if settings.imageGuidanceScale != 1 { options.append("--image-guidance") }
        return options.isEmpty ? nil : options.joined(separator: ", ")
    }
}
