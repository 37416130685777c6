import Foundation

/// What a file of weights is good for, as its header says.
public enum WeightUse: Sendable {
    /// A whole model, as far as the names of its tensors show.
    case model
    /// Changes to a model's weights.
    case lora
    /// A word's vectors.
    case embedding
    /// The autoencoder of a model.
    case vae

    /// - Throws: `CheckpointError` for what is none of these.
    public init(of file: URL) throws {
        let tensors: [TensorEntry]
        do {
            tensors = try readTensors(file)
        } catch {
            // A pickle of an embedding is an object that holds tensors.
            guard let embedding = try? readEmbedding(file), !embedding.tensors.isEmpty else { throw error }
            self = .embedding
            return
        }
        switch WeightKind(tensors) {
        case .lora?: self = .lora
        case .textualInversion?: self = .embedding
        case .vae?: self = .vae
        case nil: self = .model
        case let kind?: throw kind.refusal(file: file.path)
        }
    }
}
