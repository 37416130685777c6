import TensorKernels

/// `ResnetBlock2D`: two normalised convolutions around the time embedding, and a shortcut (He et al. 2016).
struct ResnetBlock {
    let norm1: GroupNorm
    let conv1: Conv2D
    /// The UNet's only.
    let timeEmbProj: Linear?
    let norm2: GroupNorm
    let conv2: Conv2D
    /// Where the number of channels changes.
    let convShortcut: Linear?

    init(
        _ weights: LayerWeights, _ inputs: Int, _ outputs: Int, timeEmbedDim: Int? = nil, groups: Int, epsilon: Float
    ) throws {
        norm1 = try GroupNorm(weights.scoped("norm1"), inputs, groups: groups, epsilon: epsilon)
        conv1 = try Conv2D(weights.scoped("conv1"), inputs, outputs)
        timeEmbProj = try timeEmbedDim.map { try Linear(weights.scoped("time_emb_proj"), $0, outputs) }
        norm2 = try GroupNorm(weights.scoped("norm2"), outputs, groups: groups, epsilon: epsilon)
        conv2 = try Conv2D(weights.scoped("conv2"), outputs, outputs)
        convShortcut =
            inputs == outputs
            ? nil : try Linear(weights.scoped("conv_shortcut"), inputs, outputs, storedAs: .pointwiseConvolution)
    }

    /// - Parameters:
    ///   - x: `[batch, height, width, in]`; its memory is used for the result if the caller gives it away.
    ///   - time: the activated time embedding `[1, timeEmbedDim]`.
    /// - Returns: `[batch, height, width, out]`.
    func callAsFunction(_ x: consuming Tensor, time: Tensor? = nil) -> Tensor {
        let hidden = conv1(x, after: norm1(x), bias: time.flatMap(bias1))
        if let convShortcut { x = convShortcut(x) }
        return conv2(hidden, after: norm2(hidden), adding: consume x)
    }

    /// The first convolution's bias at a time: as all images of a batch have one timestep, it is the same for all.
    private func bias1(at time: Tensor) -> Tensor? {
        let channels = conv1.bias.count
        return timeEmbProj?(time, adding: conv1.bias.reshaped([1, channels])).reshaped([channels])
    }
}
