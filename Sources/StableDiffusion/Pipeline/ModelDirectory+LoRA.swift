import Checkpoints
import Foundation

extension ModelDirectory {
    /// The model with a LoRA that is merged into its weights whenever they are read.
    ///
    /// - Parameters:
    ///   - file: the LoRA, in kohya's, diffusers' or PEFT's spelling.
    ///   - strength: by what it is multiplied; 1 is as trained.
    /// - Throws: `CheckpointError` for what is no LoRA of this model.
    public func applyingLoRA(_ file: URL, strength: Float = 1) throws -> ModelDirectory {
        var model = self
        let tensors = try [ModelPart.unet, .textEncoder].map { ($0, try weights(of: $0).weights) }
        let adapter = try LowRankAdapter(file, strength: strength, model: Dictionary(uniqueKeysWithValues: tensors))
        model.adapters.append(adapter)
        let unplaced = adapter.unplacedKeys
        if !unplaced.isEmpty {
            model.notes.append(
                "\(adapter.name) holds \(unplaced.count) tensors that the model has no place for: \(firstNames(unplaced))"
            )
        }
        return model
    }
}
