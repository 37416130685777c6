import Foundation
import StableDiffusion
import Testing

@Suite struct ModelConfigurationTests {
    private func unet(_ fields: [String: JSONValue]) throws -> UNetConfiguration {
        try UNetConfiguration(
            ConfigurationFields(fields, file: "unet/config.json", defaults: UNetConfiguration.defaults))
    }

    private func vae(_ fields: [String: JSONValue]) throws -> VAEConfiguration {
        try VAEConfiguration(ConfigurationFields(fields, file: "vae/config.json", defaults: VAEConfiguration.defaults))
    }

    private func text(_ fields: [String: JSONValue]) throws -> CLIPTextConfiguration {
        try CLIPTextConfiguration(
            ConfigurationFields(fields, file: "text_encoder/config.json", defaults: CLIPTextConfiguration.defaults))
    }

    /// The figures of `UNet2DConditionModel()`, `AutoencoderKL()` and `CLIPTextConfig()`.
    @Test func missingFieldsTakeTheClassesDefaults() throws {
        let unet = try unet([:])
        #expect(unet.inChannels == 4 && unet.outChannels == 4)
        #expect(unet.blockOutChannels == [320, 640, 1280, 1280] && unet.layersPerBlock == [2, 2, 2, 2])
        #expect(unet.downBlockTypes == [.crossAttention, .crossAttention, .crossAttention, .plain])
        #expect(unet.upBlockTypes == [.plain, .crossAttention, .crossAttention, .crossAttention])
        #expect(unet.midBlockType == .crossAttention && unet.attentionHeads == [8, 8, 8, 8])
        #expect(unet.crossAttentionDim == 1280 && unet.transformerLayersPerBlock == [1, 1, 1, 1])
        #expect(unet.normNumGroups == 32 && unet.normEps == 1e-5 && unet.downsamplePadding == 1)
        #expect(unet.flipSinToCos && unet.freqShift == 0 && !unet.centerInputSample && !unet.useLinearProjection)
        let vae = try vae(["norm_num_groups": 16])
        #expect(vae.blockOutChannels == [64] && vae.layersPerBlock == 1 && vae.latentChannels == 4)
        #expect(vae.scalingFactor == 0.18215 && vae.useQuantConv && vae.usePostQuantConv && vae.midBlockAddAttention)
        let text = try text([:])
        #expect(text.vocabSize == 49408 && text.hiddenSize == 512 && text.maxPositionEmbeddings == 77)
        let encoder = text.encoder
        #expect(encoder.intermediateSize == 2048 && encoder.numHiddenLayers == 12 && encoder.numAttentionHeads == 8)
        #expect(encoder.hiddenAct == .quickGELU && encoder.layerNormEps == 1e-5)
    }

    @Test func nullMidBlockIsNone() throws {
        #expect(try unet(["mid_block_type": nil]).midBlockType == .none)
        #expect(try unet(["mid_block_type": "UNetMidBlock2D"]).midBlockType == .plain)
    }

    @Test func fieldsThatChangeNothingAreTolerated() throws {
        let fields: [String: JSONValue] = [
            "upcast_attention": true, "dropout": 0.5, "sample_size": [64, 64], "_diffusers_version": "0.1",
            "addition_embed_type_num_heads": 7, "resnet_out_scale_factor": 1, "act_fn": "swish", "a_new_field": 3,
        ]
        #expect(try unet(fields) == unet([:]))
    }

    @Test(
        arguments: [
            ("class_embed_type", "timestep"), ("addition_embed_type", "image"), ("time_embedding_type", "fourier"),
            ("resnet_time_scale_shift", "scale_shift"), ("dual_cross_attention", true), ("only_cross_attention", true),
            ("conv_in_kernel", 5), ("conv_out_kernel", 1), ("num_attention_heads", 8), ("time_embedding_dim", 64),
            ("encoder_hid_dim", 4), ("encoder_hid_dim_type", "text_proj"), ("num_class_embeds", 3),
            ("timestep_post_act", "silu"), ("time_cond_proj_dim", 8), ("attention_type", "gated"),
            ("class_embeddings_concat", true), ("cross_attention_norm", "layer_norm"), ("resnet_skip_time_act", true),
            ("resnet_out_scale_factor", 0.5), ("mid_block_scale_factor", 2), ("time_embedding_act_fn", "silu"),
            ("reverse_transformer_layers_per_block", [1, 1, 1, 1]), ("mid_block_only_cross_attention", true),
            ("mid_block_type", "UNetMidBlock2DSimpleCrossAttn"), ("act_fn", "gelu"), ("_class_name", "UNet2DModel"),
            ("transformer_layers_per_block", [[1], [1], [1], [1]]), ("downsample_padding", 2),
            ("down_block_types", ["DownBlock2D", "DownBlock2D", "DownBlock2D", "AttnDownBlock2D"]),
            ("up_block_types", ["UpBlock2D"]), ("cross_attention_dim", [8, 8, 8, 16]),
            // Sizes that no file should have.
            ("in_channels", 0), ("in_channels", -8), ("out_channels", 1e30), ("in_channels", 8.5), ("in_channels", "8"),
            ("block_out_channels", []), ("block_out_channels", [320, 640, 1280, -1280]), ("block_out_channels", 320),
            ("block_out_channels", [320, 640, 1280, 9_223_372_036_854_775_807]), ("layers_per_block", 0),
            ("layers_per_block", [2, 2]), ("layers_per_block", 1_000_000), ("norm_num_groups", 0),
            ("norm_num_groups", nil),
            ("norm_num_groups", 48), ("attention_head_dim", 0), ("attention_head_dim", [8, 8, 8, 7]),
            ("attention_head_dim", nil), ("norm_eps", 0), ("norm_eps", -1e-5), ("norm_eps", 1e-60), ("norm_eps", 1e60),
            ("freq_shift", 160), ("freq_shift", "no"), ("flip_sin_to_cos", 1), ("cross_attention_dim", nil),
        ] as [(String, JSONValue)])
    func unetRefusesByName(field: String, value: JSONValue) {
        #expect { try unet([field: value]) } throws: { names($0, field) }
    }

    @Test(
        arguments: [
            ("shift_factor", 0.1), ("latents_mean", [0, 0, 0, 0]), ("latents_std", [1, 1, 1, 1]), ("act_fn", "mish"),
            ("down_block_types", ["AttnDownEncoderBlock2D"]),
            ("up_block_types", ["UpDecoderBlock2D", "UpDecoderBlock2D"]),
            ("block_out_channels", [64, 64]), ("scaling_factor", 0), ("scaling_factor", nil), ("latent_channels", -4),
            ("norm_num_groups", 7), ("layers_per_block", [1]), ("use_quant_conv", "yes"), ("_class_name", "VQModel"),
        ] as [(String, JSONValue)])
    func vaeRefusesByName(field: String, value: JSONValue) {
        #expect { try vae([field: value]) } throws: { error in
            // More levels than block types: the lists are named.
            names(error, field) || names(error, "down_block_types")
        }
    }

    @Test(
        arguments: [
            ("hidden_act", "relu"), ("num_attention_heads", 7), ("num_attention_heads", 0), ("hidden_size", 1e12),
            ("num_hidden_layers", 100_000), ("layer_norm_eps", "small"), ("use_attention_mask", true),
            ("vocab_size", 0),
            ("max_position_embeddings", nil),
        ] as [(String, JSONValue)])
    func textEncoderRefusesByName(field: String, value: JSONValue) {
        #expect { try text([field: value]) } throws: { names($0, field) }
    }

    private func names(_ error: any Error, _ field: String) -> Bool {
        (error as? ConfigurationError)?.reason.hasPrefix("\(field) ") ?? false
    }
}
