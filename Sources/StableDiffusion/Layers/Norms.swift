import TensorKernels

/// Group norm (Wu & He 2018): gives the scale and shift of each image and channel, which the next layer applies.
struct GroupNorm {
    let weight: Tensor
    let bias: Tensor
    let groups: Int
    let epsilon: Float

    init(_ weights: LayerWeights, _ channels: Int, groups: Int, epsilon: Float) throws {
        weight = try weights.vector("weight", channels)
        bias = try weights.vector("bias", channels)
        self.groups = groups
        self.epsilon = epsilon
    }

    func callAsFunction(_ x: Tensor) -> ChannelAffine {
        x.groupNorm(groups: groups, weight: weight, bias: bias, epsilon: epsilon)
    }
}

/// Layer norm (Ba et al. 2016) over the last axis.
struct LayerNorm {
    let weight: Tensor
    let bias: Tensor
    let epsilon: Float

    init(_ weights: LayerWeights, _ channels: Int, epsilon: Float) throws {
        weight = try weights.vector("weight", channels)
        bias = try weights.vector("bias", channels)
        self.epsilon = epsilon
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
        x.layerNorm(weight: weight, bias: bias, epsilon: epsilon)
    }
}
