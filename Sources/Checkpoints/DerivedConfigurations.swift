import Foundation

/// The configuration files of a single-file model: what follows from its shapes, and the constants that all models
/// of the single-file (LDM) layout with CLIP ViT-L share (which diffusers takes from the hub's copy of such a model).
struct DerivedConfigurations {
    /// JSON texts by path in the diffusers folder.
    let files: [String: Data]

    /// - Parameter tensors: under diffusers' names.
    init(_ tensors: [ModelPart: [TensorEntry]], file: String) throws {
        func shapes(_ part: ModelPart) -> Shapes { Shapes(tensors[part, default: []], file: file) }
        let vae = try Self.vae(shapes(.vae))
        let unet = try Self.unet(shapes(.unet), vae: vae)
        let contents = [
            "unet/config.json": unet,
            "vae/config.json": vae.json,
            "text_encoder/config.json": try Self.textEncoder(shapes(.textEncoder)),
            "scheduler/scheduler_config.json": Self.scheduler,
            "model_index.json": Self.modelIndex,
        ]
        files = try contents.mapValues(Self.text)
    }

    /// The `config.json` of an autoencoder alone.
    ///
    /// - Parameter tensors: under diffusers' names.
    static func vae(_ tensors: [TensorEntry], file: String) throws -> Data {
        try text(vae(Shapes(tensors, file: file)).json)
    }

    private static func text(_ fields: [String: Any]) throws -> Data {
        try JSONSerialization.data(withJSONObject: fields, options: [.prettyPrinted, .sortedKeys]) + Data("\n".utf8)
    }

    // MARK: - Parts

    private static func unet(_ shapes: Shapes, vae: VAE) throws -> [String: Any] {
        let convIn = try shapes["conv_in.weight", rank: 4]
        let outChannels = try shapes["conv_out.weight", rank: 4][0]
        guard outChannels == vae.latentChannels else {
            throw CheckpointError.unsupported(
                file: shapes.file,
                reason:
                    "its UNet makes latents of \(outChannels) channels and the VAE takes \(vae.latentChannels): that is one "
                    + "for another kind of model")
        }
        guard convIn[1] == 2 * vae.latentChannels else {
            throw CheckpointError.unsupported(
                file: shapes.file,
                reason: "its UNet takes \(convIn[1]) channels where InstructPix2Pix takes \(2 * vae.latentChannels): "
                    + (kindOfUNet(channels: convIn[1], latentChannels: vae.latentChannels)
                        ?? "it does not edit photos by instruction"))
        }
        let levels = shapes.count("down_blocks.%.resnets.0.conv1.weight")
        var channels: [Int] = []
        var downTypes: [String] = []
        var linear: [Bool] = []
        var depths: [Int] = []
        for level in 0..<levels {
            channels.append(try shapes["down_blocks.\(level).resnets.0.conv1.weight", rank: 4][0])
            let attention = "down_blocks.\(level).attentions.0"
            let hasAttention = shapes.contains("\(attention).norm.weight")
            downTypes.append(hasAttention ? "CrossAttnDownBlock2D" : "DownBlock2D")
            if hasAttention {
                linear.append(try shapes["\(attention).proj_in.weight"].count == 2)
                depths.append(shapes.count("\(attention).transformer_blocks.%.norm1.weight"))
            }
        }
        let context = try shapes["mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight", rank: 2][1]
        guard let isLinear = linear.first, let depth = depths.first, linear.allSatisfy({ $0 == isLinear }),
            depths.allSatisfy({ $0 == depth }), depth > 0
        else {
            throw CheckpointError.unsupported(file: shapes.file, reason: "its UNet's levels differ in their attention")
        }
        return [
            "_class_name": "UNet2DConditionModel",
            "act_fn": "silu",
            // The number of heads, which no shape shows: 8 in SD 1, heads of 64 channels in SD 2 (recognised by its
            // linear projections).
            "attention_head_dim": isLinear ? channels.map { max(1, $0 / 64) } as Any : 8,
            "block_out_channels": channels,
            "center_input_sample": false,
            "cross_attention_dim": context,
            "down_block_types": downTypes,
            "downsample_padding": 1,
            "flip_sin_to_cos": true,
            "freq_shift": 0,
            "in_channels": convIn[1],
            "layers_per_block": shapes.count("down_blocks.0.resnets.%.conv1.weight"),
            "mid_block_scale_factor": 1,
            "norm_eps": 1e-05,
            "norm_num_groups": 32,
            "out_channels": outChannels,
            "sample_size": 512 >> (vae.levels - 1),
            "transformer_layers_per_block": depth,
            "up_block_types": downTypes.reversed().map { $0 == "DownBlock2D" ? "UpBlock2D" : "CrossAttnUpBlock2D" },
            "use_linear_projection": isLinear,
        ]
    }

    private struct VAE {
        let latentChannels: Int
        let levels: Int
        let json: [String: Any]
    }

    private static func vae(_ shapes: Shapes) throws -> VAE {
        let levels = shapes.count("encoder.down_blocks.%.resnets.0.conv1.weight")
        guard (1...9).contains(levels) else {
            throw CheckpointError.unsupported(file: shapes.file, reason: "its VAE has \(levels) levels")
        }
        let latentChannels = try shapes["decoder.conv_in.weight", rank: 4][1]
        guard latentChannels < 1 << 32 else {
            throw CheckpointError.unsupported(
                file: shapes.file, reason: "its VAE has \(latentChannels) latent channels")
        }
        let json: [String: Any] = [
            "_class_name": "AutoencoderKL",
            "act_fn": "silu",
            "block_out_channels": try (0..<levels).map {
                try shapes["encoder.down_blocks.\($0).resnets.0.conv1.weight", rank: 4][0]
            },
            "down_block_types": [String](repeating: "DownEncoderBlock2D", count: levels),
            "in_channels": try shapes["encoder.conv_in.weight", rank: 4][1],
            "latent_channels": latentChannels,
            "layers_per_block": shapes.count("encoder.down_blocks.0.resnets.%.conv1.weight"),
            "norm_num_groups": 32,
            "out_channels": try shapes["decoder.conv_out.weight", rank: 4][0],
            "sample_size": 512,
            "scaling_factor": 0.18215,
            "up_block_types": [String](repeating: "UpDecoderBlock2D", count: levels),
            "use_post_quant_conv": shapes.contains("post_quant_conv.weight"),
            "use_quant_conv": shapes.contains("quant_conv.weight"),
        ]
        return VAE(latentChannels: latentChannels, levels: levels, json: json)
    }

    private static func textEncoder(_ shapes: Shapes) throws -> [String: Any] {
        let prefix = shapes.contains("text_model.final_layer_norm.weight") ? "text_model." : ""
        let tokens = try shapes["\(prefix)embeddings.token_embedding.weight", rank: 2]
        return [
            "architectures": ["CLIPTextModel"],
            "bos_token_id": tokens[0] - 2,
            "eos_token_id": tokens[0] - 1,
            "hidden_act": "quick_gelu",
            "hidden_size": tokens[1],
            "intermediate_size": try shapes["\(prefix)encoder.layers.0.mlp.fc1.weight", rank: 2][0],
            "layer_norm_eps": 1e-05,
            "max_position_embeddings": try shapes["\(prefix)embeddings.position_embedding.weight", rank: 2][0],
            "model_type": "clip_text_model",
            "num_attention_heads": max(1, tokens[1] / 64),  // heads of 64 channels in every CLIP
            "num_hidden_layers": shapes.count("\(prefix)encoder.layers.%.layer_norm1.weight"),
            "pad_token_id": 1,
            "projection_dim": tokens[1],
            "vocab_size": tokens[0],
        ]
    }

    /// As in the published InstructPix2Pix.
    private static var scheduler: [String: Any] {
        [
            "_class_name": "EulerAncestralDiscreteScheduler",
            "beta_end": 0.012,
            "beta_schedule": "scaled_linear",
            "beta_start": 0.00085,
            "clip_sample": false,
            "num_train_timesteps": 1000,
            "prediction_type": "epsilon",
            "set_alpha_to_one": false,
            "skip_prk_steps": true,
            "steps_offset": 1,
        ]
    }

    private static var modelIndex: [String: Any] {
        [
            "_class_name": "StableDiffusionInstructPix2PixPipeline",
            "feature_extractor": [NSNull(), NSNull()],
            "requires_safety_checker": false,
            "safety_checker": [NSNull(), NSNull()],
            "scheduler": ["diffusers", "EulerAncestralDiscreteScheduler"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        ]
    }

    /// One part's shapes by key, with errors that name what is missing.
    private struct Shapes {
        let file: String
        let shapes: [String: [Int]]

        init(_ tensors: [TensorEntry], file: String) {
            self.file = file
            shapes = Dictionary(tensors.map { ($0.key, $0.shape) }) { first, _ in first }
        }

        func contains(_ key: String) -> Bool { shapes[key] != nil }

        subscript(key: String) -> [Int] {
            get throws {
                guard let shape = shapes[key] else {
                    throw CheckpointError.missingTensor(
                        key: key, file: file, nearNames: nearNames(to: key, among: shapes.keys))
                }
                return shape
            }
        }

        subscript(key: String, rank rank: Int) -> [Int] {
            get throws {
                let shape = try self[key]
                guard shape.count == rank, !shape.contains(0) else {
                    throw CheckpointError.unsupported(
                        file: file,
                        reason: "its tensor \(printable(key)) has the shape \(shape) instead of \(rank) sides")
                }
                return shape
            }
        }

        /// How many keys of this form there are, `%` counting from 0.
        func count(_ form: String) -> Int {
            var number = 0
            while contains(form.replacingOccurrences(of: "%", with: String(number))) { number += 1 }
            return number
        }
    }
}
