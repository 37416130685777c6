import CKernels

/// Queries of a piece of work, whole vectors of them: a tile of keys and values is read from memory once for all.
private let queryBlock = 96

extension Tensor {
    /// Scaled dot-product attention (Vaswani et al. 2017) of `heads` heads: `softmax(Q K^T / sqrt(depth)) V`.
    ///
    /// The scores are never held as a whole. `self` holds the queries `[batch, tokens, heads * depth]`, head by head
    /// along the channels.
    ///
    /// - Parameters:
    ///   - keys: `[keyBatch, keyTokens, heads * depth]`
    ///   - values: the same shape as `keys`.
    ///   - heads: divides the channels.
    ///   - causal: each token sees itself and those before it only.
    ///   - keyBatch: for each batch entry of the queries the entry of `keys` and `values` that it reads; without it the
    ///     two batches are the same. (The branches of the guidance share their keys so.)
    /// - Returns: the shape of the queries.
    public func attention(
        keys: Tensor, values: Tensor, heads: Int, causal: Bool = false, keyBatch: [Int]? = nil
    ) -> Tensor {
        let (batch, tokens, channels) = (shape[0], shape[1], shape[2])
        let keyTokens = keys.shape[1]
        precondition(
            channels % heads == 0 && keys.shape[2] == channels && values.shape == keys.shape,
            "attention of \(shape), \(keys.shape), \(values.shape) with \(heads) heads")
        let sources = keyBatch ?? Array(0..<batch)
        precondition(
            sources.count == batch && sources.allSatisfy { $0 < keys.shape[0] },
            "key batches \(sources) for \(batch) queries and \(keys.shape[0]) keys")
        let depth = channels / heads
        let scratchSize = ck_attention_scratch(queryBlock, depth)
        let scratch = compute.scratch(compute.threads * scratchSize)
        let result = compute.empty(shape)
        let (q, k, v, o) = (pointer, keys.pointer, values.pointer, result.pointer)
        let kernels = compute.kernels
        let blocks = (tokens + queryBlock - 1) / queryBlock
        compute.plan?.attention(
            queries: count, scores: batch * heads * tokens * keyTokens, depth: depth, share: causal ? 0.5 : 1)

        compute.parallel(batch * heads * blocks) { index, worker in
            let (entry, h, block) = (index / (heads * blocks), index / blocks % heads, index % blocks)
            let row = block * queryBlock
            let offset = (entry * tokens + row) * channels + h * depth
            let source = sources[entry] * keyTokens * channels + h * depth
            kernels.attention(
                q + offset, channels, k + source, v + source, channels, o + offset, channels,
                min(tokens, row + queryBlock) - row, keyTokens, depth, 1 / Float(depth).squareRoot(),
                causal ? row : -1, scratch.pointer + worker * scratchSize)
        }
        return result
    }
}
