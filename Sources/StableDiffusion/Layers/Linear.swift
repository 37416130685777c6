import TensorKernels

/// `x W^T + bias` over the last axis.
struct Linear {
    /// How a checkpoint stores the matrix.
    enum Storage {
        /// `[out, in]`
        case matrix
        /// `[out, in, 1, 1]`, a convolution of one pixel: the same matrix on channels-last images.
        case pointwiseConvolution
    }

    let weight: WeightTensor
    let bias: Tensor?

    init(
        _ weights: LayerWeights, _ inputs: Int, _ outputs: Int, storedAs storage: Storage = .matrix,
        hasBias: Bool = true
    ) throws {
        weight = try weights.matrix("weight", storage == .matrix ? [outputs, inputs] : [outputs, inputs, 1, 1])
        bias = hasBias ? try weights.vector("bias", outputs) : nil
    }

    func callAsFunction(_ x: Tensor, activation: Activation = .none, adding residual: Tensor? = nil) -> Tensor {
        x.linear(weight, bias: bias, activation: activation, adding: residual)
    }
}

/// GEGLU: a linear layer to twice the width, value then gate, and `value * gelu(gate)` (Shazeer 2020).
struct GatedLinear {
    let weight: WeightTensor
    let bias: Tensor

    init(_ weights: LayerWeights, _ inputs: Int, _ outputs: Int) throws {
        weight = try weights.matrix("weight", [2 * outputs, inputs])
        bias = try weights.vector("bias", 2 * outputs)
    }

    func callAsFunction(_ x: Tensor) -> Tensor { x.gatedLinear(weight, bias: bias) }
}
