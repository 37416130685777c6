import Checkpoints
import Foundation

extension ModelDirectory {
    /// The model with a LoRA that is merged into its weights whenever they are read.
    ///
    /// - Parameters:
    ///   - file: the LoRA, in kohya's, diffusers' or PEFT's spelling; PEFT's `adapter_config.json` may lie beside it.
    ///   - strength: by what it is multiplied; 1 is as trained.
    /// - Throws: `CheckpointError` for what is no LoRA of this model.
    public func applyingLoRA(_ file: URL, strength: Float = 1) throws -> ModelDirectory {
        var model = self
        let tensors = try [ModelPart.unet, .textEncoder].map { ($0, try weights(of: $0).weights) }
        let adapter = try LowRankAdapter(file, strength: strength, model: Dictionary(uniqueKeysWithValues: tensors))
        model.adapters.append(adapter)
        if let first = adapter.misfits.first {
            let others = adapter.misfits.count - 1
            model.notes.append(
                "\(adapter.name): the layer \(first); it does not fit the model and is left out"
                    + (others == 0 ? "" : ", as are \(others) more"))
        }
        let unplaced = adapter.unplacedKeys
        if !unplaced.isEmpty {
            model.notes.append(
                "\(adapter.name) holds \(unplaced.count) tensors that the model has no place for: \(firstNames(unplaced))"
            )
        }
        return model
    }

    /// The model with the word of a textual inversion, which instructions and negative prompts may then use.
    ///
    /// - Parameter file: as stable-diffusion-webui, diffusers or the original training code write it.
    /// - Throws: `CheckpointError` for what is none for this model's text encoder, or one whose word is taken.
    public func applyingEmbedding(_ file: URL) throws -> ModelDirectory {
        var model = self
        let embedding = try TextualInversion(file, width: textEncoder.hiddenSize)
        let first = textEncoder.vocabSize + embeddings.reduce(0) { $0 + $1.vectors.count }
        guard model.tokenizer.add(embedding.token, ids: Array(first..<first + embedding.vectors.count)) else {
            throw CheckpointError.unsupported(
                file: file.path, reason: "the word that it stands for, \(embedding.token), is there already")
        }
        model.embeddings.append(embedding)
        return model
    }

    /// The textual inversions whose words are in none of the texts that a run with these settings encodes.
    public func unusedEmbeddings(by settings: GenerationSettings) -> [TextualInversion] {
        let ids = Set(settings.encodedTexts.flatMap { tokenizer.tokens(of: $0) })
        var next = textEncoder.vocabSize
        return embeddings.filter { embedding in
            defer { next += embedding.vectors.count }
            return !ids.contains(next)
        }
    }
}
