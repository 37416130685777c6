import TensorKernels

/// A 3x3 convolution over `[batch, height, width, channels]`.
struct Conv2D {
    let weight: WeightTensor
    let bias: Tensor
    let stride: Int
    let padding: Padding

    /// - Parameter hasBias: false for a layer that is stored without; zeros take its place.
    init(
        _ weights: LayerWeights, _ inputs: Int, _ outputs: Int, stride: Int = 1, padding: Padding = .all(1),
        hasBias: Bool = true
    ) throws {
        weight = try weights.matrix("weight", [outputs, inputs, 3, 3])
        bias =
            hasBias
            ? try weights.vector("bias", outputs)
            : weights.compute.tensor([Float](repeating: 0, count: outputs), [outputs])
        self.stride = stride
        self.padding = padding
    }

    /// - Parameters:
    ///   - size: the size to which the input is enlarged first.
    ///   - norm: applied to the input first, followed by SiLU.
    ///   - bias: `[out]`, in place of the layer's own.
    ///   - residual: added to the result; given away by its last owner it becomes the result.
    func callAsFunction(
        _ x: Tensor, upsampledTo size: (height: Int, width: Int)? = nil, after norm: ChannelAffine? = nil,
        bias: Tensor? = nil, adding residual: consuming Tensor? = nil
    ) -> Tensor {
        x.convolution(
            weight, bias: bias ?? self.bias, stride: stride, padding: padding, upsampledTo: size,
            normalizedBySiLU: norm, adding: consume residual)
    }
}
