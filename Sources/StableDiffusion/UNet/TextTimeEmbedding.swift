import TensorKernels

/// `TextTimeEmbedding` (`addition_embed_type: "text"`, Saharia et al. 2022): the whole text as one vector that is added to the
/// time embedding, so that it reaches every ResNet block.
struct TextTimeEmbedding {
    let norm1: LayerNorm
    let pool: AttentionPooling
    let proj: Linear
    let norm2: LayerNorm

    init(_ weights: LayerWeights, _ configuration: UNetConfiguration, heads: Int) throws {
        let (channels, embedding) = (configuration.crossAttentionDim, configuration.timeEmbedDim)
        norm1 = try LayerNorm(weights.scoped("norm1"), channels, epsilon: 1e-5)
        pool = try AttentionPooling(weights.scoped("pool"), channels, heads: heads)
        proj = try Linear(weights.scoped("proj"), channels, embedding)
        norm2 = try LayerNorm(weights.scoped("norm2"), embedding, epsilon: 1e-5)
    }

    /// - Parameter text: one text, `[1, tokens, crossAttentionDim]`.
    /// - Returns: `[1, timeEmbedDim]`.
    func callAsFunction(_ text: Tensor) -> Tensor { norm2(proj(pool(norm1(text)))) }
}

/// `AttentionPooling`: the mean of the tokens attends to itself and to them.
struct AttentionPooling {
    let positionalEmbedding: Tensor
    let qProj: Linear
    let kProj: Linear
    let vProj: Linear
    let heads: Int

    init(_ weights: LayerWeights, _ channels: Int, heads: Int) throws {
        positionalEmbedding = try weights.matrix("positional_embedding", [1, channels]).tensor(on: weights.compute)
        qProj = try Linear(weights.scoped("q_proj"), channels, channels)
        kProj = try Linear(weights.scoped("k_proj"), channels, channels)
        vProj = try Linear(weights.scoped("v_proj"), channels, channels)
        self.heads = heads
    }

    /// - Parameter x: `[1, tokens, channels]`
    /// - Returns: `[1, channels]`.
    func callAsFunction(_ x: Tensor) -> Tensor {
        let (count, channels) = (x.shape[1], x.shape[2])
        let tokens = x.reshaped([count, channels])
        let sum = (1..<count).reduce(tokens.slice(0..<1)) { $0 + tokens.slice($1..<$1 + 1) }
        let classToken = sum.mapped { $0 / Float(count) } + positionalEmbedding
        let all = Tensor.stacked([classToken, tokens]).reshaped([1, count + 1, channels])
        let attended = qProj(classToken.reshaped([1, 1, channels])).attention(
            keys: kProj(all), values: vProj(all), heads: heads)
        return attended.reshaped([1, channels])
    }
}
