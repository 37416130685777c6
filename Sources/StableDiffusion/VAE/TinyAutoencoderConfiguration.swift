import Foundation
import TensorKernels

/// The architecture of an `AutoencoderTiny` (TAESD), decoded from its `config.json`.
package struct TinyAutoencoderConfiguration: Equatable, Sendable {
    package let inChannels: Int
    package let outChannels: Int
    /// The one width of all of the encoder's levels, and of the decoder's.
    package let encoderChannels: Int
    package let decoderChannels: Int
    /// Residual blocks a level: the encoder's from the full resolution down, the decoder's up.
    package let numEncoderBlocks: [Int]
    package let numDecoderBlocks: [Int]
    package let latentChannels: Int
    package let scalingFactor: Float
    package let activation: Activation

    /// The pixels of a latent's side.
    package var scaleFactor: Int { 1 << (numEncoderBlocks.count - 1) }

    /// - Throws: `ConfigurationError` naming the field that is missing, malformed or not supported.
    package init(contentsOf url: URL) throws {
        try self.init(ConfigurationFields(contentsOf: url, defaults: Self.defaults))
    }

    package init(_ fields: ConfigurationFields) throws {
        try fields.requireDefaults(of: [
            "_class_name", "upsample_fn", "upsampling_scaling_factor", "shift_factor",
        ])
        switch try fields.string("act_fn") {
        case "relu": activation = .relu
        case "silu", "swish": activation = .silu
        case "gelu": activation = .gelu
        default: throw fields.refusal("act_fn", "but only relu, silu and gelu are supported")
        }
        inChannels = try fields.integer("in_channels", in: widths)
        outChannels = try fields.integer("out_channels", in: widths)
        latentChannels = try fields.integer("latent_channels", in: widths)
        scalingFactor = try fields.positiveNumber("scaling_factor")
        numEncoderBlocks = try fields.integers("num_encoder_blocks", in: 0...16)
        let levels = numEncoderBlocks.count
        guard levelCounts.contains(levels) else { throw fields.refusal("num_encoder_blocks", "expected 1 to 8 levels") }
        numDecoderBlocks = try fields.integers("num_decoder_blocks", levels: levels, in: 0...16)
        // Levels of several widths cannot run in diffusers either: its strided convolutions keep the width.
        func width(_ field: String) throws -> Int {
            let all = try fields.integers(field, levels: levels, in: widths)
            guard Set(all).count == 1 else { throw fields.refusal(field, "but only levels of one width are supported") }
            return all[0]
        }
        encoderChannels = try width("encoder_block_out_channels")
        decoderChannels = try width("decoder_block_out_channels")
    }

    /// The defaults of `AutoencoderTiny.__init__` in diffusers 0.42. The latents' magnitude and shift serve only to store
    /// latents as bytes.
    package static let defaults: [String: JSONValue] = [
        "_class_name": "AutoencoderTiny",
        "in_channels": 3,
        "out_channels": 3,
        "encoder_block_out_channels": [64, 64, 64, 64],
        "decoder_block_out_channels": [64, 64, 64, 64],
        "act_fn": "relu",
        "upsample_fn": "nearest",
        "latent_channels": 4,
        "upsampling_scaling_factor": 2,
        "num_encoder_blocks": [1, 3, 3, 3],
        "num_decoder_blocks": [3, 3, 3, 1],
        "scaling_factor": 1.0,
        "shift_factor": 0.0,
    ]
}
