import Checkpoints
import Foundation
import TensorKernels

/// The encoder of an `AutoencoderTiny`: an image to latents, of which it knows one value and no distribution.
package struct TinyEncoder {
    private let layers: [TinyLayer]

    /// - Throws: `CheckpointError` for a missing, misshapen or left-over tensor.
    package init(_ store: WeightStore, _ configuration: TinyAutoencoderConfiguration, compute: Compute) throws {
        let channels = configuration.encoderChannels
        var stack = TinyLayerStack(LayerWeights(store, compute: compute).scoped("encoder.layers"), configuration)
        for (level, blocks) in configuration.numEncoderBlocks.enumerated() {
            if level == 0 {
                try stack.appendConvolution(configuration.inChannels, channels)
            } else {
                try stack.appendConvolution(channels, channels, stride: 2, hasBias: false)
            }
            try stack.appendBlocks(blocks, channels)
        }
        try stack.appendConvolution(channels, configuration.latentChannels)
        layers = stack.layers
        try store.requireAllRead(except: ["decoder."])
    }

    /// - Parameter image: `[1, height, width, channels]` in -1...1.
    /// - Returns: `[1, height / factor, width / factor, latentChannels]`.
    package func callAsFunction(_ image: Tensor) -> Tensor {
        layers.reduce(image.mapped { ($0 + 1) / 2 }) { x, layer in layer(x) }
    }
}

/// The decoder of an `AutoencoderTiny`: latents to an image.
package struct TinyDecoder {
    private let layers: [TinyLayer]

    /// - Throws: `CheckpointError` for a missing, misshapen or left-over tensor.
    package init(_ store: WeightStore, _ configuration: TinyAutoencoderConfiguration, compute: Compute) throws {
        let channels = configuration.decoderChannels
        let last = configuration.numDecoderBlocks.count - 1
        var stack = TinyLayerStack(LayerWeights(store, compute: compute).scoped("decoder.layers"), configuration)
        try stack.appendConvolution(configuration.latentChannels, channels)
        stack.appendActivation()
        for (level, blocks) in configuration.numDecoderBlocks.enumerated() {
            try stack.appendBlocks(blocks, channels)
            if level < last {
                try stack.appendUpsampling(channels)
            } else {
                try stack.appendConvolution(channels, configuration.outChannels)
            }
        }
        layers = stack.layers
        try store.requireAllRead(except: ["encoder."])
    }

    /// - Parameter latents: `[1, height, width, latentChannels]`, already divided by the scaling factor.
    /// - Returns: `[1, height * factor, width * factor, channels]`, about -1...1.
    package func callAsFunction(_ latents: Tensor) -> Tensor {
        layers.reduce(latents.mapped { tanh($0 / 3) * 3 }) { x, layer in layer(x) }.mapped { $0 * 2 - 1 }
    }
}

/// One step of either half.
private enum TinyLayer {
    case convolution(Conv2D)
    /// Doubles the resolution first.
    case upsampling(Conv2D)
    case activation(Activation)
    case block(TinyBlock)

    func callAsFunction(_ x: Tensor) -> Tensor {
        switch self {
        case .convolution(let conv): conv(x)
        case .upsampling(let conv): conv(x, upsampledTo: (2 * x.shape[1], 2 * x.shape[2]))
        case .activation(let activation): x.activated(activation)
        case .block(let block): block(x)
        }
    }
}

/// `AutoencoderTinyBlock`: three convolutions beside a shortcut.
private struct TinyBlock {
    let convolutions: [Conv2D]
    let activation: Activation

    init(_ weights: LayerWeights, _ channels: Int, activation: Activation) throws {
        // Numbers 1 and 3 are the activations.
        convolutions = try [0, 2, 4].map { try Conv2D(weights.scoped("conv").scoped($0), channels, channels) }
        self.activation = activation
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
        let hidden = convolutions[..<2].reduce(x) { y, conv in conv(y).activated(activation) }
        return convolutions[2](hidden, adding: x).activated(.relu)
    }
}

/// The layers of a `torch.nn.Sequential`, whose keys are their numbers in it.
private struct TinyLayerStack {
    private(set) var layers: [TinyLayer] = []
    private let weights: LayerWeights
    private let activation: Activation
    private var number = 0

    init(_ weights: LayerWeights, _ configuration: TinyAutoencoderConfiguration) {
        self.weights = weights
        activation = configuration.activation
    }

    mutating func appendConvolution(_ inputs: Int, _ outputs: Int, stride: Int = 1, hasBias: Bool = true) throws {
        append(
            .convolution(try Conv2D(weights.scoped(number), inputs, outputs, stride: stride, hasBias: hasBias)))
    }

    mutating func appendActivation() { append(.activation(activation)) }

    mutating func appendBlocks(_ count: Int, _ channels: Int) throws {
        for _ in 0..<count {
            append(.block(try TinyBlock(weights.scoped(number), channels, activation: activation)))
        }
    }

    /// An enlargement and a convolution, which have a number each.
    mutating func appendUpsampling(_ channels: Int) throws {
        number += 1
        append(.upsampling(try Conv2D(weights.scoped(number), channels, channels, hasBias: false)))
    }

    private mutating func append(_ layer: TinyLayer) {
        layers.append(layer)
        number += 1
    }
}
