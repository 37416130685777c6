import CKernels

/// Queries of a piece of work: their scores against a tile of keys stay in the first-level cache six rows at a time, and
/// the tile is read from the second-level cache by all of them.
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
    ///   - causal: each token sees itself and those before it only.
    ///   - keyBatch: for each batch entry of the queries the entry of `keys` and `values` that it reads;
    ///     without it the two batches are the same. (The branches of the guidance share their keys so.)
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
        let paddedDepth = (depth + 7) / 8 * 8
        let paddedTokens = (keyTokens + PackedMatrix.panel - 1) / PackedMatrix.panel * PackedMatrix.panel
        let head = paddedTokens * paddedDepth
        let (packedKeys, packedValues) = (compute.scratch(heads * head), compute.scratch(heads * head))
        let scratchSize = ck_attention_scratch(queryBlock, paddedDepth)
        let scratch = compute.scratch(compute.threads * scratchSize)
        let result = compute.empty(shape)
        let (q, o, kernels) = (pointer, result.pointer, compute.kernels)
        let blocks = (tokens + queryBlock - 1) / queryBlock

        for source in 0..<keys.shape[0] {
            let readers = (0..<batch).filter { sources[$0] == source }
            let first = source * keyTokens * channels
            compute.parallel(heads) { h, _ in
                kernels.pack_keys(
                    keys.pointer + first + h * depth, channels, keyTokens, depth, paddedDepth,
                    packedKeys.pointer + h * head)
                kernels.pack_values(
                    values.pointer + first + h * depth, channels, keyTokens, depth, paddedDepth,
                    packedValues.pointer + h * head)
            }
            compute.parallel(readers.count * heads * blocks) { index, worker in
                let (entry, h, block) = (readers[index / (heads * blocks)], index / blocks % heads, index % blocks)
                let row = block * queryBlock
                let offset = (entry * tokens + row) * channels + h * depth
                kernels.attention(
                    q + offset, channels, packedKeys.pointer + h * head, packedValues.pointer + h * head, o + offset,
                    channels, min(tokens, row + queryBlock) - row, keyTokens, depth, paddedDepth,
                    1 / Float(depth).squareRoot(), causal ? row : -1, scratch.pointer + worker * scratchSize)
            }
        }
        return result
    }
}
