import ArgumentParser
import Files
import Foundation
import StableDiffusion

/// What is added to a model.
struct WeightOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A LoRA of the model's kind, in kohya's, diffusers' or PEFT's form: a file, or a name from a folder 'loras' of the "
                + "models; and how strongly it counts. May be given several times. (default strength: 1)",
            valueName: "file[:strength]"), completion: .file())
    var lora: [LoRAArgument] = []

    @Option(
        help: ArgumentHelp(
            "A textual inversion, whose word the instruction and the negative prompt may then use: a file, or a name from a "
                + "folder 'embeddings' of the models. May be given several times.", valueName: "file"),
        completion: .file())
    var embedding: [String] = []

    @Option(
        help: ArgumentHelp(
            "An autoencoder (VAE) in place of the model's own: a folder in diffusers' layout, a file, or a name from a folder "
                + "'vaes' of the models.",
            valueName: "file"), completion: .file())
    var vae: String?

    /// What the options name, or where they are silent, what an image was made with.
    ///
    /// - Throws: `CommandFailure` that names the places searched.
    func found(_ search: ModelSearch, for model: FoundModel, madeWith given: GivenSettings) throws -> FoundAdditions {
        var found = FoundAdditions()
        found.loras = try lora.map { ($0.strength, try search.locate(.lora, $0.path, for: model)) }
        if lora.isEmpty {
            for lora in given.loras {
                if let file = try? search.locate(.lora, lora.name, for: model) {
                    found.loras.append((lora.strength, file))
                } else {
                    found.notes.append(
                        "the image of --params-from was made with the LoRA \(singleLine(lora.name)), strength "
                            + "\(lora.strength), which is not there; --lora FILE:\(lora.strength) takes it from a file")
                }
            }
        }
        found.embeddings = try embedding.map { try search.locate(.embedding, $0, for: model) }
        if embedding.isEmpty {
            for name in given.embeddings {
                if let file = try? search.locate(.embedding, name, for: model) {
                    found.embeddings.append(file)
                } else {
                    found.notes.append(
                        "the image of --params-from was made with the embedding \(singleLine(name)), which is not there; "
                            + "--embedding FILE takes it from a file")
                }
            }
        }
        found.vae = try vae.map { try search.autoencoder($0, for: model) }
        if vae == nil, let name = given.vae {
            found.notes.append(
                "the image of --params-from was made with the VAE \(singleLine(name)) in place of the model's own; --vae takes "
                    + "it")
        }
        return found
    }
}

/// What is added to a model, and where it is.
struct FoundAdditions {
    var loras: [(strength: Float, file: URL)] = []
    var embeddings: [URL] = []
    var vae: URL?
    /// What was asked for and is not there, as sentences.
    var notes: [String] = []

    /// The files, all of them.
    var paths: [String] { (loras.map(\.file) + embeddings + [vae].compactMap { $0 }).map(\.path) }

    /// The model with all of it.
    func applied(to found: FoundModel, _ search: ModelSearch) throws -> ModelDirectory {
        let model = try found.directory(search, vae: vae)
        let merged = try loras.reduce(model) { try $0.applyingLoRA($1.file, strength: $1.strength) }
        return try embeddings.reduce(merged) { try $0.applyingEmbedding($1) }
    }
}

/// A file or name, with a strength after its last colon.
struct LoRAArgument: ExpressibleByArgument {
    let path: String
    let strength: Float

    init?(argument: String) {
        if FileKind(argument) == nil, let colon = argument.lastIndex(of: ":"),
            let strength = Float(argument[argument.index(after: colon)...])
        {
            guard abs(strength) <= 100 else { return nil }
            (path, self.strength) = (String(argument[..<colon]), strength)
        } else {
            (path, strength) = (argument, 1)
        }
    }
}
