import Foundation

/// The architecture of an `AutoencoderKL`, decoded from its `config.json`.
package struct VAEConfiguration: Equatable, Sendable {
    package let inChannels: Int
    package let outChannels: Int
    /// From the full resolution down.
    package let blockOutChannels: [Int]
    package let layersPerBlock: Int
    package let latentChannels: Int
    package let normNumGroups: Int
    package let scalingFactor: Float
    package let useQuantConv: Bool
    package let usePostQuantConv: Bool
    package let midBlockAddAttention: Bool

    /// The pixels of a latent's side.
    package var scaleFactor: Int { 1 << (blockOutChannels.count - 1) }

    /// - Throws: `ConfigurationError` naming the field that is missing, malformed or not supported.
    package init(contentsOf url: URL) throws {
        try self.init(ConfigurationFields(contentsOf: url, defaults: Self.defaults))
    }

    package init(_ fields: ConfigurationFields) throws {
        try fields.requireDefaults(of: ["_class_name", "shift_factor", "latents_mean", "latents_std"])
        guard ["silu", "swish"].contains(try fields.string("act_fn")) else {
            throw fields.refusal("act_fn", "but only silu is supported")
        }
        inChannels = try fields.integer("in_channels", in: widths)
        outChannels = try fields.integer("out_channels", in: widths)
        blockOutChannels = try fields.integers("block_out_channels", in: widths)
        let levels = blockOutChannels.count
        guard levelCounts.contains(levels) else { throw fields.refusal("block_out_channels", "expected 1 to 8 levels") }
        let _: [DownBlockName] = try fields.names("down_block_types", levels: levels)
        let _: [UpBlockName] = try fields.names("up_block_types", levels: levels)
        layersPerBlock = try fields.integer("layers_per_block", in: layerCounts)
        latentChannels = try fields.integer("latent_channels", in: widths)
        let groups = try fields.integer("norm_num_groups", in: widths)
        guard blockOutChannels.allSatisfy({ $0 % groups == 0 }) else {
            throw fields.refusal("norm_num_groups", "which does not divide each of block_out_channels")
        }
        normNumGroups = groups
        scalingFactor = try fields.positiveNumber("scaling_factor")
        useQuantConv = try fields.boolean("use_quant_conv")
        usePostQuantConv = try fields.boolean("use_post_quant_conv")
        midBlockAddAttention = try fields.boolean("mid_block_add_attention")
    }

    private enum DownBlockName: String, CaseIterable { case plain = "DownEncoderBlock2D" }
    private enum UpBlockName: String, CaseIterable { case plain = "UpDecoderBlock2D" }

    /// The defaults of `AutoencoderKL.__init__` in diffusers 0.42; `sample_size` and `force_upcast` do not matter here.
    package static let defaults: [String: JSONValue] = [
        "_class_name": "AutoencoderKL",
        "in_channels": 3,
        "out_channels": 3,
        "down_block_types": ["DownEncoderBlock2D"],
        "up_block_types": ["UpDecoderBlock2D"],
        "block_out_channels": [64],
        "layers_per_block": 1,
        "act_fn": "silu",
        "latent_channels": 4,
        "norm_num_groups": 32,
        "scaling_factor": 0.18215,
        "shift_factor": nil,
        "latents_mean": nil,
        "latents_std": nil,
        "use_quant_conv": true,
        "use_post_quant_conv": true,
        "mid_block_add_attention": true,
    ]
}
