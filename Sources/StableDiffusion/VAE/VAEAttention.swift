import TensorKernels

/// The autoencoder's self-attention: one head over all pixels.
struct VAEAttention {
    let groupNorm: GroupNorm
    let toQ: Linear
    let toK: Linear
    let toV: Linear
    let toOut: Linear

    init(_ weights: LayerWeights, _ channels: Int, groups: Int) throws {
        // Checkpoints written before diffusers 0.17 spell the keys after the older attention block.
        let (q, k, v, out) =
            weights.contains("query.weight")
            ? ("query", "key", "value", "proj_attn") : ("to_q", "to_k", "to_v", "to_out.0")
        groupNorm = try GroupNorm(weights.scoped("group_norm"), channels, groups: groups, epsilon: vaeEpsilon)
        toQ = try Linear(weights.scoped(q), channels, channels)
        toK = try Linear(weights.scoped(k), channels, channels)
        toV = try Linear(weights.scoped(v), channels, channels)
        toOut = try Linear(weights.scoped(out), channels, channels)
    }

    /// - Parameter x: `[batch, height, width, channels]`
    func callAsFunction(_ x: Tensor) -> Tensor {
        let tokens = x.normalized(by: groupNorm(x))
            .reshaped([x.shape[0], x.shape[1] * x.shape[2], x.shape[3]])
        let attended = toQ(tokens).attention(keys: toK(tokens), values: toV(tokens), heads: 1)
        return toOut(attended.reshaped(x.shape), adding: x)
    }
}

/// The epsilon of all of the autoencoder's norms, which no configuration changes.
let vaeEpsilon: Float = 1e-6
