import TensorKernels

/// `CLIPEncoderLayer`: self-attention and a feed-forward layer, each on a layer norm.
struct CLIPEncoderLayer {
    let layerNorm1: LayerNorm
    let selfAttn: CLIPAttention
    let layerNorm2: LayerNorm
    let fc1: Linear
    let fc2: Linear
    let hiddenAct: Activation

    /// - Parameter isCausal: whether each token attends to itself and those before it only.
    init(_ weights: LayerWeights, _ configuration: CLIPEncoderConfiguration, isCausal: Bool) throws {
        let (channels, epsilon) = (configuration.hiddenSize, configuration.layerNormEps)
        layerNorm1 = try LayerNorm(weights.scoped("layer_norm1"), channels, epsilon: epsilon)
        selfAttn = try CLIPAttention(
            weights.scoped("self_attn"), channels, heads: configuration.numAttentionHeads, isCausal: isCausal)
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

/// `CLIPAttention`: each token attends to all, or to itself and those before it.
struct CLIPAttention {
    let qProj: Linear
    let kProj: Linear
    let vProj: Linear
    let outProj: Linear
    let heads: Int
    let isCausal: Bool

    init(_ weights: LayerWeights, _ channels: Int, heads: Int, isCausal: Bool) throws {
        qProj = try Linear(weights.scoped("q_proj"), channels, channels)
        kProj = try Linear(weights.scoped("k_proj"), channels, channels)
        vProj = try Linear(weights.scoped("v_proj"), channels, channels)
        outProj = try Linear(weights.scoped("out_proj"), channels, channels)
        (self.heads, self.isCausal) = (heads, isCausal)
    }

    func callAsFunction(_ x: Tensor, adding residual: Tensor) -> Tensor {
        let attended = qProj(x).attention(keys: kProj(x), values: vProj(x), heads: heads, causal: isCausal)
        return outProj(attended, adding: residual)
    }
}
