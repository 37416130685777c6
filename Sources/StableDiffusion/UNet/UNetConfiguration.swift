import Foundation

/// The architecture of a `UNet2DConditionModel`, decoded from its `config.json`.
///
/// Levels run from the full resolution down; the up blocks take the same lists reversed.
package struct UNetConfiguration: Equatable, Sendable {
    /// The block of a level on the way down or up.
    package enum BlockKind: Sendable { case plain, crossAttention }

    /// The block between the ways down and up.
    package enum MidBlockKind: Sendable { case none, plain, crossAttention }

    package let inChannels: Int
    package let outChannels: Int
    package let centerInputSample: Bool
    package let flipSinToCos: Bool
    package let freqShift: Float
    package let downBlockTypes: [BlockKind]
    package let midBlockType: MidBlockKind
    /// From the lowest resolution up.
    package let upBlockTypes: [BlockKind]
    package let blockOutChannels: [Int]
    package let layersPerBlock: [Int]
    /// 0 pads the right and bottom only.
    package let downsamplePadding: Int
    package let normNumGroups: Int
    package let normEps: Float
    /// The width of the text embeddings.
    package let crossAttentionDim: Int
    package let transformerLayersPerBlock: [Int]
    /// The number of heads, in spite of the file's name `attention_head_dim`.
    package let attentionHeads: [Int]
    package let useLinearProjection: Bool
    /// The heads of the attention that makes one vector of the text for the time embedding (`addition_embed_type: "text"`);
    /// nil where the text is not added to it.
    package let textTimeHeads: Int?

    /// The width of the time embedding.
    package var timeEmbedDim: Int { blockOutChannels[0] * 4 }

    /// The smallest side that latents can have: a level halves it, rounding up if the padding is symmetric.
    package var smallestSide: Int { downsamplePadding == 0 ? 1 << (blockOutChannels.count - 1) : 1 }

    /// - Throws: `ConfigurationError` naming the field that is missing, malformed or not supported.
    package init(contentsOf url: URL) throws {
        try self.init(ConfigurationFields(contentsOf: url, defaults: Self.defaults))
    }

    package init(_ fields: ConfigurationFields) throws {
        try fields.requireDefaults(of: Self.fixed)
        guard ["silu", "swish"].contains(try fields.string("act_fn")) else {
            throw fields.refusal("act_fn", "but only silu is supported")
        }
        inChannels = try fields.integer("in_channels", in: widths)
        outChannels = try fields.integer("out_channels", in: widths)
        centerInputSample = try fields.boolean("center_input_sample")
        flipSinToCos = try fields.boolean("flip_sin_to_cos")
        freqShift = Float(try fields.number("freq_shift"))
        blockOutChannels = try fields.integers("block_out_channels", in: widths)
        let levels = blockOutChannels.count
        guard levelCounts.contains(levels) else { throw fields.refusal("block_out_channels", "expected 1 to 8 levels") }
        guard freqShift != Float(blockOutChannels[0] / 2) else {
            throw fields.refusal("freq_shift", "which leaves the time embedding without a frequency")
        }
        let downNames: [DownBlockName] = try fields.names("down_block_types", levels: levels)
        downBlockTypes = downNames.map { $0 == .crossAttention ? .crossAttention : .plain }
        let upNames: [UpBlockName] = try fields.names("up_block_types", levels: levels)
        upBlockTypes = upNames.map { $0 == .crossAttention ? .crossAttention : .plain }
        midBlockType = try Self.midBlockType(fields)
        layersPerBlock = try fields.integers("layers_per_block", levels: levels, in: layerCounts)
        downsamplePadding = try fields.integer("downsample_padding", in: 0...1)
        let groups = try fields.integer("norm_num_groups", in: widths)
        guard blockOutChannels.allSatisfy({ $0 % groups == 0 }) else {
            throw fields.refusal("norm_num_groups", "which does not divide each of block_out_channels")
        }
        normNumGroups = groups
        normEps = try fields.positiveNumber("norm_eps")
        let textWidths = try fields.integers("cross_attention_dim", levels: levels, in: widths)
        crossAttentionDim = textWidths[0]
        guard textWidths.allSatisfy({ $0 == textWidths[0] }) else {
            throw fields.refusal("cross_attention_dim", "but one text encoder has one width only")
        }
        transformerLayersPerBlock = try fields.integers(
            "transformer_layers_per_block", levels: levels, in: layerCounts)
        attentionHeads = try fields.integers("attention_head_dim", levels: levels, in: widths)
        guard zip(blockOutChannels, attentionHeads).allSatisfy({ $0 % $1 == 0 }) else {
            throw fields.refusal("attention_head_dim", "which does not divide each of block_out_channels")
        }
        useLinearProjection = try fields.boolean("use_linear_projection")
        textTimeHeads = try Self.textTimeHeads(fields, channels: crossAttentionDim)
    }

    private static func textTimeHeads(_ fields: ConfigurationFields, channels: Int) throws -> Int? {
        switch fields.value("addition_embed_type") {
        case .null: return nil
        case .string("text"):
            let heads = try fields.integer("addition_embed_type_num_heads", in: widths)
            guard channels % heads == 0 else {
                throw fields.refusal("addition_embed_type_num_heads", "which does not divide cross_attention_dim")
            }
            return heads
        default: throw fields.refusal("addition_embed_type", "but only text and null are supported")
        }
    }

    private static func midBlockType(_ fields: ConfigurationFields) throws -> MidBlockKind {
        switch fields.value("mid_block_type") {
        case .null: return .none
        case .string("UNetMidBlock2D"): return .plain
        case .string("UNetMidBlock2DCrossAttn"): return .crossAttention
        default:
            throw fields.refusal(
                "mid_block_type", "but only UNetMidBlock2DCrossAttn, UNetMidBlock2D and null are supported")
        }
    }

    private enum DownBlockName: String, CaseIterable {
        case plain = "DownBlock2D"
        case crossAttention = "CrossAttnDownBlock2D"
    }

    private enum UpBlockName: String, CaseIterable {
        case plain = "UpBlock2D"
        case crossAttention = "CrossAttnUpBlock2D"
    }

    /// The defaults of `UNet2DConditionModel.__init__` in diffusers 0.42.
    ///
    /// `sample_size` and `dropout` do not matter here; `upcast_attention` asks for float32, which is all there is.
    package static let defaults: [String: JSONValue] = [
        "_class_name": "UNet2DConditionModel",
        "in_channels": 4,
        "out_channels": 4,
        "center_input_sample": false,
        "flip_sin_to_cos": true,
        "freq_shift": 0,
        "down_block_types": [
            "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D",
        ],
        "mid_block_type": "UNetMidBlock2DCrossAttn",
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
        "only_cross_attention": false,
        "block_out_channels": [320, 640, 1280, 1280],
        "layers_per_block": 2,
        "downsample_padding": 1,
        "mid_block_scale_factor": 1,
        "act_fn": "silu",
        "norm_num_groups": 32,
        "norm_eps": 1e-5,
        "cross_attention_dim": 1280,
        "transformer_layers_per_block": 1,
        "reverse_transformer_layers_per_block": nil,
        "encoder_hid_dim": nil,
        "encoder_hid_dim_type": nil,
        "attention_head_dim": 8,
        "num_attention_heads": nil,
        "dual_cross_attention": false,
        "use_linear_projection": false,
        "class_embed_type": nil,
        "addition_embed_type": nil,
        "addition_embed_type_num_heads": 64,
        "num_class_embeds": nil,
        "resnet_time_scale_shift": "default",
        "resnet_skip_time_act": false,
        "resnet_out_scale_factor": 1.0,
        "time_embedding_type": "positional",
        "time_embedding_dim": nil,
        "time_embedding_act_fn": nil,
        "timestep_post_act": nil,
        "time_cond_proj_dim": nil,
        "conv_in_kernel": 3,
        "conv_out_kernel": 3,
        "attention_type": "default",
        "class_embeddings_concat": false,
        "mid_block_only_cross_attention": nil,
        "cross_attention_norm": nil,
    ]

    /// The fields that other models of the class use: supported at their default only.
    private static let fixed = [
        "_class_name", "only_cross_attention", "mid_block_scale_factor", "reverse_transformer_layers_per_block",
        "encoder_hid_dim", "encoder_hid_dim_type", "num_attention_heads", "dual_cross_attention", "class_embed_type",
        "num_class_embeds", "resnet_time_scale_shift", "resnet_skip_time_act",
        "resnet_out_scale_factor", "time_embedding_type", "time_embedding_dim", "time_embedding_act_fn",
        "timestep_post_act", "time_cond_proj_dim", "conv_in_kernel", "conv_out_kernel", "attention_type",
        "class_embeddings_concat", "mid_block_only_cross_attention", "cross_attention_norm",
    ]
}

/// Sizes beyond these are no image model's; with them no product of sizes overflows.
let widths = 1...65_536
let layerCounts = 1...64
let levelCounts = 1...8
