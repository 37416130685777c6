extension Tensor {
    /// `x W^T + bias`, then the activation, then `residual` added.
    ///
    /// - Parameters:
    ///   - weight: `[out, in]`; a 1x1 convolution's `[out, in, 1, 1]` is the same matrix.
    ///   - bias: `[out]`.
    ///   - residual: a tensor of the result's shape.
    /// - Returns: `[..., out]` for `self` `[..., in]`.
    public func linear(
        _ weight: WeightTensor, bias: Tensor? = nil, activation: Activation = .none, adding residual: Tensor? = nil
    ) -> Tensor {
        let (n, k) = (weight.shape[0], weight.count / weight.shape[0])
        precondition(shape.last == k, "linear layer \(weight.shape) on \(shape)")
        let rows = count / k
        let result = compute.empty(shape.dropLast() + [n])
        for r in 0..<rows {
            for c in 0..<n {
                var sum: Float = 0
                for i in 0..<k { sum += pointer[r * k + i] * weight[c * k + i] }
                result.pointer[r * n + c] =
                    activation(sum + (bias?.pointer[c] ?? 0)) + (residual?.pointer[r * n + c] ?? 0)
            }
        }
        return result
    }

    /// GEGLU (Shazeer 2020): a projection to twice the width, split into value and gate, `value * gelu(gate)` (exact GELU).
    ///
    /// - Parameters:
    ///   - weight: `[2 * out, in]`, the value's rows first.
    ///   - bias: `[2 * out]`.
    /// - Returns: `[..., out]`.
    public func gatedLinear(_ weight: WeightTensor, bias: Tensor) -> Tensor {
        let both = linear(weight, bias: bias)
        let n = weight.shape[0] / 2
        let result = compute.empty(shape.dropLast() + [n])
        for r in 0..<(result.count / n) {
            for c in 0..<n {
                result.pointer[r * n + c] = both.pointer[r * 2 * n + c] * Activation.gelu(both.pointer[r * 2 * n + n + c])
            }
        }
        return result
    }
}
