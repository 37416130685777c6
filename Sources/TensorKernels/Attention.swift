import Foundation

extension Tensor {
    /// Scaled dot-product attention (Vaswani et al. 2017) of `heads` heads: `softmax(Q K^T / sqrt(depth)) V`.
    ///
    /// `self` holds the queries `[batch, tokens, heads * depth]`, head by head along the channels.
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
        precondition(channels % heads == 0 && keys.shape[2] == channels && values.shape == keys.shape)
        precondition(keyBatch?.count ?? keys.shape[0] == batch, "\(keys.shape[0]) key batches for \(batch)")
        let depth = channels / heads
        let scale = 1 / Float(depth).squareRoot()
        let result = compute.empty(shape)
        for b in 0..<batch {
            let kb = keyBatch?[b] ?? b
            for h in 0..<heads {
                for t in 0..<tokens {
                    let q = pointer + (b * tokens + t) * channels + h * depth
                    let visible = causal ? min(t + 1, keyTokens) : keyTokens
                    var scores = [Float](repeating: 0, count: visible)
                    for s in 0..<visible {
                        let k = keys.pointer + (kb * keyTokens + s) * channels + h * depth
                        var sum: Float = 0
                        for i in 0..<depth { sum += q[i] * k[i] }
                        scores[s] = sum * scale
                    }
                    let top = scores.max() ?? 0
                    var total: Float = 0
                    for s in 0..<visible {
                        scores[s] = exp(scores[s] - top)
                        total += scores[s]
                    }
                    let o = result.pointer + (b * tokens + t) * channels + h * depth
                    for i in 0..<depth {
                        var sum: Float = 0
                        for s in 0..<visible {
                            sum += scores[s] * values.pointer[(kb * keyTokens + s) * channels + h * depth + i]
                        }
                        o[i] = sum / total
                    }
                }
            }
        }
        return result
    }
}
