import Checkpoints
import TensorKernels

/// The decoder of an `AutoencoderKL`: latents to an image.
package struct VAEDecoder {
    let postQuantConv: Linear?
    let convIn: Conv2D
    let midBlock: VAEMidBlock
    let upBlocks: [DecoderBlock]
    let convNormOut: GroupNorm
    let convOut: Conv2D

    /// - Throws: `CheckpointError` for a missing, misshapen or left-over tensor.
    package init(_ store: WeightStore, _ configuration: VAEConfiguration, compute: Compute) throws {
        let weights = LayerWeights(store, compute: compute)
        let decoder = weights.scoped("decoder")
        let channels = configuration.blockOutChannels
        let latentChannels = configuration.latentChannels
        postQuantConv =
            configuration.usePostQuantConv
            ? try Linear(
                weights.scoped("post_quant_conv"), latentChannels, latentChannels,
                storedAs: .pointwiseConvolution) : nil
        convIn = try Conv2D(decoder.scoped("conv_in"), latentChannels, channels[channels.count - 1])
        midBlock = try VAEMidBlock(decoder.scoped("mid_block"), configuration)
        upBlocks = try channels.indices.map {
            try DecoderBlock(decoder.scoped("up_blocks").scoped($0), configuration, index: $0)
        }
        convNormOut = try GroupNorm(
            decoder.scoped("conv_norm_out"), channels[0], groups: configuration.normNumGroups, epsilon: vaeEpsilon)
        convOut = try Conv2D(decoder.scoped("conv_out"), channels[0], configuration.outChannels)
        try store.requireAllRead(except: ["encoder.", "quant_conv."])
    }

    /// - Parameter latents: `[1, height, width, latentChannels]`, already divided by the scaling factor.
    /// - Returns: `[1, height * factor, width * factor, channels]`, about -1...1.
    package func callAsFunction(_ latents: Tensor) -> Tensor {
        var x = convIn(postQuantConv?(latents) ?? latents)
        x = midBlock(consume x)
        for block in upBlocks { x = block(consume x) }
        return convOut(x, after: convNormOut(x))
    }
}

/// `UpDecoderBlock2D`: all but the last double the resolution.
struct DecoderBlock {
    let resnets: [ResnetBlock]
    let upsampler: Upsample?

    /// - Parameter index: counts from the lowest resolution up.
    init(_ weights: LayerWeights, _ configuration: VAEConfiguration, index: Int) throws {
        let channels = configuration.blockOutChannels
        let level = channels.count - 1 - index
        resnets = try (0...configuration.layersPerBlock).map { layer in
            try ResnetBlock(
                weights.scoped("resnets").scoped(layer),
                channels[layer == 0 ? min(level + 1, channels.count - 1) : level], channels[level],
                groups: configuration.normNumGroups, epsilon: vaeEpsilon)
        }
        upsampler = level == 0 ? nil : try Upsample(weights.scoped("upsamplers.0"), channels[level])
    }

    func callAsFunction(_ x: consuming Tensor) -> Tensor {
        for resnet in resnets { x = resnet(consume x) }
        if let upsampler { x = upsampler(x, height: 2 * x.shape[1], width: 2 * x.shape[2]) }
        return x
    }
}
