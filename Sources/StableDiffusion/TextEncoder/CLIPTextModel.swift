import Checkpoints
import TensorKernels

/// CLIP's text encoder (Radford et al. 2021): token ids to one vector for each token.
package struct CLIPTextModel {
    let tokenEmbedding: Embedding
    let positionEmbedding: Embedding
    let layers: [CLIPEncoderLayer]
    let finalLayerNorm: LayerNorm

    /// - Parameter addedVectors: of the ids from the vocabulary's size on.
    /// - Throws: `CheckpointError` for a missing, misshapen or left-over tensor.
    package init(
        _ store: WeightStore, _ configuration: CLIPTextConfiguration, addedVectors: [[Float]] = [], compute: Compute
    ) throws {
        let all = LayerWeights(store, compute: compute)
        // Published checkpoints have the prefix; transformers 5 writes none.
        let hasPrefix = all.contains("text_model.final_layer_norm.weight")
        let weights = hasPrefix ? all.scoped("text_model") : all
        let embeddings = weights.scoped("embeddings")
        tokenEmbedding = try Embedding(
            embeddings.scoped("token_embedding"), configuration.vocabSize, configuration.hiddenSize,
            added: addedVectors)
        positionEmbedding = try Embedding(
            embeddings.scoped("position_embedding"), configuration.maxPositionEmbeddings, configuration.hiddenSize)
        layers = try (0..<configuration.encoder.numHiddenLayers).map {
            try CLIPEncoderLayer(weights.scoped("encoder.layers").scoped($0), configuration.encoder, isCausal: true)
        }
        finalLayerNorm = try LayerNorm(
            weights.scoped("final_layer_norm"), configuration.hiddenSize, epsilon: configuration.encoder.layerNormEps)
        try store.requireAllRead()
    }

    /// The last hidden state after the final norm.
    ///
    /// - Parameter ids: texts of one length, each id below the vocabulary's size and the added vectors' number together.
    /// - Returns: `[texts, tokens, channels]`.
    package func callAsFunction(_ ids: [[Int]]) -> Tensor {
        let positions = positionEmbedding(Array(ids[0].indices))
        var x = Tensor.stacked(
            ids.map { text in
                let tokens = tokenEmbedding(text) + positions
                return tokens.reshaped([1] + tokens.shape)
            })
        for layer in layers { x = layer(x) }
        return finalLayerNorm(x)
    }
}
