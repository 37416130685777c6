import TensorKernels

/// The keys and values of an attention, `[batch, tokens, channels]` each.
struct KeysAndValues {
    let keys: Tensor
    let values: Tensor
}

/// Multi-head attention (Vaswani et al. 2017) without biases but at its output.
struct Attention {
    let toQ: Linear
    let toK: Linear
    let toV: Linear
    let toOut: Linear
    let heads: Int
    /// The layer's place in the model, which tells attentions apart.
    let name: String

    /// - Parameter contextChannels: the width of what is attended to.
    init(_ weights: LayerWeights, _ channels: Int, contextChannels: Int, heads: Int) throws {
        toQ = try Linear(weights.scoped("to_q"), channels, channels, hasBias: false)
        toK = try Linear(weights.scoped("to_k"), contextChannels, channels, hasBias: false)
        toV = try Linear(weights.scoped("to_v"), contextChannels, channels, hasBias: false)
        toOut = try Linear(weights.scoped("to_out.0"), channels, channels)
        self.heads = heads
        name = weights.prefix
    }

    func keysAndValues(_ context: Tensor) -> KeysAndValues {
        KeysAndValues(keys: toK(context), values: toV(context))
    }

    /// - Parameters:
    ///   - x: `[batch, tokens, channels]`
    ///   - keyBatch: for each entry of `x` the entry of `context` that it attends to; without it the same.
    ///   - residual: added to the result.
    func callAsFunction(
        _ x: Tensor, to context: KeysAndValues, keyBatch: [Int]? = nil, adding residual: Tensor
    ) -> Tensor {
        let attended = toQ(x).attention(
            keys: context.keys, values: context.values, heads: heads, keyBatch: keyBatch)
        return toOut(attended, adding: residual)
    }
}
