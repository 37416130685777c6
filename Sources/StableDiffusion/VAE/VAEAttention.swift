import TensorKernels

/// The autoencoder's self-attention: one head over all pixels.
struct VAEAttention {
    let groupNorm: GroupNorm
    let toQ: Linear
    let toK: Linear
    let toV: Linear
    let toOut: Linear

    init(_ weights: LayerWeights, _ channels: Int, groups: Int) throws {
        // Checkpoints written before diffusers 0.17 spell the keys after the older attention block; some merges keep the
        // original's.
        func scope(_ names: String...) -> LayerWeights {
            weights.scoped(names.first { weights.contains("\($0).weight") } ?? names[0])
        }
        groupNorm = try GroupNorm(scope("group_norm", "norm"), channels, groups: groups, epsilon: vaeEpsilon)
        toQ = try Linear(scope("to_q", "query", "q"), channels, channels)
        toK = try Linear(scope("to_k", "key", "k"), channels, channels)
        toV = try Linear(scope("to_v", "value", "v"), channels, channels)
        toOut = try Linear(scope("to_out.0", "proj_attn", "proj_out", "to_out"), channels, channels)
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
