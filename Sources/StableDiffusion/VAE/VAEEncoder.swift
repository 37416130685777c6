import Checkpoints
import TensorKernels

/// The encoder of an `AutoencoderKL`: an image to the mean of its latents' distribution.
package struct VAEEncoder {
    let convIn: Conv2D
    let downBlocks: [EncoderBlock]
    let midBlock: VAEMidBlock
    let convNormOut: GroupNorm
    let convOut: Conv2D
    let quantConv: Linear?
    private let latentChannels: Int

    /// - Throws: `CheckpointError` for a missing, misshapen or left-over tensor.
    package init(_ store: WeightStore, _ configuration: VAEConfiguration, compute: Compute) throws {
        let weights = LayerWeights(store, compute: compute)
        let encoder = weights.scoped("encoder")
        let channels = configuration.blockOutChannels
        latentChannels = configuration.latentChannels
        convIn = try Conv2D(encoder.scoped("conv_in"), configuration.inChannels, channels[0])
        downBlocks = try channels.indices.map {
            try EncoderBlock(encoder.scoped("down_blocks").scoped($0), configuration, level: $0)
        }
        midBlock = try VAEMidBlock(encoder.scoped("mid_block"), configuration)
        convNormOut = try GroupNorm(
            encoder.scoped("conv_norm_out"), channels[channels.count - 1], groups: configuration.normNumGroups,
            epsilon: vaeEpsilon)
        convOut = try Conv2D(encoder.scoped("conv_out"), channels[channels.count - 1], 2 * latentChannels)
        quantConv =
            configuration.useQuantConv
            ? try Linear(
                weights.scoped("quant_conv"), 2 * latentChannels, 2 * latentChannels,
                storedAs: .pointwiseConvolution) : nil
        try store.requireAllRead(except: ["decoder.", "post_quant_conv."])
    }

    /// - Parameter image: `[1, height, width, channels]` in -1...1.
    /// - Returns: the mean, `[1, height / factor, width / factor, latentChannels]`.
    package func callAsFunction(_ image: Tensor) -> Tensor {
        var x = convIn(image)
        for block in downBlocks { x = block(consume x) }
        x = midBlock(consume x)
        x = convOut(x, after: convNormOut(x))
        x = quantConv?(x) ?? x
        // The first half of the channels is the mean, the second the logarithm of the variance.
        return x.firstChannels(latentChannels)
    }
}

/// `DownEncoderBlock2D`: all but the last halve the resolution.
struct EncoderBlock {
    let resnets: [ResnetBlock]
    let downsampler: Downsample?

    init(_ weights: LayerWeights, _ configuration: VAEConfiguration, level: Int) throws {
        let channels = configuration.blockOutChannels
        resnets = try (0..<configuration.layersPerBlock).map { layer in
            try ResnetBlock(
                weights.scoped("resnets").scoped(layer), channels[layer == 0 ? max(level - 1, 0) : level],
                channels[level], groups: configuration.normNumGroups, epsilon: vaeEpsilon)
        }
        downsampler =
            level == channels.count - 1
            ? nil : try Downsample(weights.scoped("downsamplers.0"), channels[level], padding: 0)
    }

    func callAsFunction(_ x: consuming Tensor) -> Tensor {
        for resnet in resnets { x = resnet(consume x) }
        if let downsampler { x = downsampler(x) }
        return x
    }
}
