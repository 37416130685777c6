import CKernels

/// Queries of a piece of work, whole vectors of them: a tile of keys and values is read from memory once for all.
private let queryBlock = 96
/// Of a score, in multiplications and additions of the same time: 14 instructions (`online_softmax` and `exp2_vf`), where a
/// product has one for both.
private let softmaxOperations = 28

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
        let kernels = compute.kernels
        // Pairs lie within a head if its depth is even.
        let pairs = compute.isHalf && depth % 2 == 0
        let keys = pairs ? keys.pairedColumns() : keys
        let values = pairs ? values.pairedRows() : values
        let (q, k, v, o) = (pointer, keys.pointer, values.pointer, result.pointer)
        let keySize = keys.count / keys.shape[0]
        let valueSize = values.count / values.shape[0]
        let blocks = (tokens + queryBlock - 1) / queryBlock
        let scores = batch * heads * tokens * keyTokens / (causal ? 2 : 1)
        let work = Work(attention: scores * (4 * depth + softmaxOperations), values: 2 * count)
        compute.parallel(batch * heads * blocks, work) { index, worker in
            let (entry, h, block) = (index / (heads * blocks), index / blocks % heads, index % blocks)
            let row = block * queryBlock
            let offset = (entry * tokens + row) * channels + h * depth
            kernels.attention(
                pairs ? 1 : 0, q + offset, channels, k + sources[entry] * keySize + h * depth / (pairs ? 2 : 1),
                v + sources[entry] * valueSize + h * depth, channels, o + offset, channels,
                min(tokens, row + queryBlock) - row, keyTokens, depth, 1 / Float(depth).squareRoot(),
                causal ? row : -1, scratch.pointer + worker * scratchSize)
        }
        return result
    }
}

extension Tensor {
    /// `[batch, tokens, channels]` as pairs of channels, `[batch, tokens, channels / 2]`.
    fileprivate func pairedColumns() -> Tensor {
        let (rows, channels) = (shape[0] * shape[1], shape[2])
        let pairs = compute.empty([shape[0], shape[1], channels / 2])
        let (x, y, kernels) = (pointer, pairs.pointer, compute.kernels)
        compute.parallel(rows, by: 64, Work(values: count + pairs.count)) { rows, _ in
            let first = rows.lowerBound * channels
            kernels.pair_columns(x + first, channels, rows.count, channels, y + first / 2, channels / 2)
        }
        return pairs
    }

    /// The same as pairs of tokens, `[batch, (tokens + 1) / 2, channels]`.
    fileprivate func pairedRows() -> Tensor {
        let (tokens, channels) = (shape[1], shape[2])
        let pairs = compute.empty([shape[0], (tokens + 1) / 2, channels])
        let (x, y, kernels) = (pointer, pairs.pointer, compute.kernels)
        for entry in 0..<shape[0] {
            let (from, to) = (x + entry * tokens * channels, y + entry * pairs.shape[1] * channels)
            compute.parallel(tokens, by: 64, Work(values: tokens * channels * 3 / 2)) { rows, _ in
                kernels.pair_rows(
                    from + rows.lowerBound * channels, channels, rows.count, channels,
                    to + rows.lowerBound / 2 * channels, channels)
            }
        }
        return pairs
    }
}
