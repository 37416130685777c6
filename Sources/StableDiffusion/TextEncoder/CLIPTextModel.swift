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
        layers = try (0..<configuration.numHiddenLayers).map {
            try CLIPEncoderLayer(weights.scoped("encoder.layers").scoped($0), configuration)
        }
        finalLayerNorm = try LayerNorm(
            weights.scoped("final_layer_norm"), configuration.hiddenSize, epsilon: configuration.layerNormEps)
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

/// `CLIPEncoderLayer`: causal self-attention and a feed-forward layer, each on a layer norm.
struct CLIPEncoderLayer {
    let layerNorm1: LayerNorm
    let selfAttn: CLIPAttention
    let layerNorm2: LayerNorm
    let fc1: Linear
    let fc2: Linear
    let hiddenAct: Activation

    init(_ weights: LayerWeights, _ configuration: CLIPTextConfiguration) throws {
        let (channels, epsilon) = (configuration.hiddenSize, configuration.layerNormEps)
        layerNorm1 = try LayerNorm(weights.scoped("layer_norm1"), channels, epsilon: epsilon)
        selfAttn = try CLIPAttention(
            weights.scoped("self_attn"), channels, heads: configuration.numAttentionHeads)
        layerNorm2 = try LayerNorm(weights.scoped("layer_norm2"), channels, epsilon: epsilon)
        fc1 = try Linear(weights.scoped("mlp.fc1"), channels, configuration.intermediateSize)
        fc2 = try Linear(weights.scoped("mlp.fc2"), configuration.intermediateSize, channels)
        hiddenAct = configuration.hiddenAct
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
        let x = selfAttn(layerNorm1(x), adding: x)
        return fc2(fc1(layerNorm2(x), activation: hiddenAct), adding: x)
    }
}

/// `CLIPAttention`: each token attends to itself and those before it.
struct CLIPAttention {
    let qProj: Linear
    let kProj: Linear
    let vProj: Linear
    let outProj: Linear
    let heads: Int

    init(_ weights: LayerWeights, _ channels: Int, heads: Int) throws {
        qProj = try Linear(weights.scoped("q_proj"), channels, channels)
        kProj = try Linear(weights.scoped("k_proj"), channels, channels)
        vProj = try Linear(weights.scoped("v_proj"), channels, channels)
        outProj = try Linear(weights.scoped("out_proj"), channels, channels)
        self.heads = heads
    }

    func callAsFunction(_ x: Tensor, adding residual: Tensor) -> Tensor {
        let attended = qProj(x).attention(keys: kProj(x), values: vProj(x), heads: heads, causal: true)
        return outProj(attended, adding: residual)
    }
}
