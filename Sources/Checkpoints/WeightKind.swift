/// What a file of weights is that is no whole InstructPix2Pix model.
enum WeightKind: Equatable {
    case lora
    case textualInversion
    case hypernetwork
    case controlNet
    case adapter
    case motionModule
    case vae
    case unet
    case textEncoder
    case averagesOnly
    case stableDiffusion2
    case stableDiffusionXL
    case otherArchitecture

    /// Known from the tensors' keys; nil for those of a Stable Diffusion of the single-file (LDM) layout, and for what is not known.
    init?(_ tensors: [TensorEntry]) {
        func any(_ condition: (String) -> Bool) -> Bool { tensors.contains { condition($0.key) } }
        func any(prefix: String) -> Bool { any { $0.hasPrefix(prefix) } }
        func any(part: String) -> Bool { any { $0.contains(part) } }

        if any(part: "lora_up") || any(part: "lora_down") || any(part: "lora_A") || any(part: "lora_B")
            || any(part: ".lora.") || any(part: "hada_w1") || any(part: "lokr_w") || any(part: ".lora_magnitude")
            || any(prefix: "lora_unet_") || any(prefix: "lora_te_")
        {
            self = .lora
        } else if any(prefix: KeyLayout.unetPrefix) {
            if any(prefix: "conditioner.embedders.") {
                self = .stableDiffusionXL
            } else if any(prefix: "cond_stage_model.model.") {
                self = .stableDiffusion2
            } else if any(part: "joint_blocks") || any(part: "double_blocks") || any(part: "transformer_blocks_single")
            {
                self = .otherArchitecture
            } else {
                return nil
            }
        } else if any(prefix: "model_ema.diffusion_model") {
            self = .averagesOnly
        } else if any(part: "input_hint_block") || any(part: "controlnet_") || any(prefix: "control_model.")
            || any(part: "zero_convs") || any(part: "controlnet_cond_embedding")
        {
            self = .controlNet
        } else if any(prefix: "ip_adapter.") || any(prefix: "image_proj.") || any(prefix: "adapter.body.") {
            self = .adapter
        } else if any(part: ".motion_modules.") {
            self = .motionModule
        } else if Self.isEmbedding(tensors) {
            self = .textualInversion
        } else if any(prefix: "input_blocks.") || any(prefix: "down_blocks.") || any(prefix: "unet.down_blocks.") {
            self = .unet
        } else if any(prefix: "decoder.") || any(prefix: "first_stage_model.decoder.") {
            self = .vae
        } else if any(prefix: "text_model.") || any(prefix: "cond_stage_model.transformer.") {
            self = .textEncoder
        } else if any(prefix: "joint_blocks.") || any(prefix: "double_blocks.") || any(prefix: "transformer_blocks.") {
            self = .otherArchitecture
        } else {
            return nil
        }
    }

    /// Known from the keys of a pickle's outermost dictionary.
    init?(pickledKeys keys: [PickleValue]) {
        if keys.contains(where: { $0.isText("string_to_param") || $0.isText("string_to_token") }) {
            self = .textualInversion
            return
        }
        // A hypernetwork's layers lie under the widths of what they change.
        let widths = keys.count { if case .int(let width) = $0 { width % 32 == 0 && width > 0 } else { false } }
        guard widths > 0 else { return nil }
        self = .hypernetwork
    }

    /// An embedding is one or two matrices of a text encoder's width, and their keys are no layers.
    private static func isEmbedding(_ tensors: [TensorEntry]) -> Bool {
        if tensors.contains(where: { ["emb_params", "clip_l", "clip_g"].contains($0.key) }) { return true }
        return (1...2).contains(tensors.count)
            && tensors.allSatisfy { tensor in
                (1...2).contains(tensor.shape.count) && [768, 1024, 1280].contains(tensor.shape.last ?? 0)
                    && !tensor.key.hasSuffix(".weight") && !tensor.key.hasSuffix(".bias")
            }
    }

    func refusal(file: String) -> CheckpointError { .unsupported(file: file, reason: "it is \(description)") }

    /// Completes "it is".
    private var description: String {
        switch self {
        case .lora:
            "a LoRA, changes to the weights of a model and no model; --lora adds it to an InstructPix2Pix model"
        case .textualInversion:
            "a textual inversion, an embedding of a word for some model, and no model; --embedding adds it to one"
        case .hypernetwork: "a hypernetwork, an addition to a model and no model"
        case .controlNet:
            "a ControlNet, which steers another model; models that edit by instruction are InstructPix2Pix"
        case .adapter:
            "an adapter (IP-Adapter or T2I-Adapter), which steers another model by pictures; models that edit by "
                + "instruction are InstructPix2Pix"
        case .motionModule: "a motion module (AnimateDiff), an addition to a model and no model"
        case .vae: "a VAE (autoencoder) alone, one part of a model; --vae puts it in the place of a model's own"
        case .unet: "only a UNet, one part of a model, with no text encoder and no VAE; give the whole model"
        case .textEncoder: "only a text encoder, one part of a model; give the whole model"
        case .averagesOnly:
            "a file with the averaged (EMA) weights of a UNet and without the UNet itself, which was cut out wrongly"
        case .stableDiffusion2:
            "a Stable Diffusion 2 (with OpenCLIP as its text encoder); InstructPix2Pix has the one of Stable Diffusion 1"
        case .stableDiffusionXL: "a Stable Diffusion XL; InstructPix2Pix on Stable Diffusion 1 is what works here"
        case .otherArchitecture:
            "a model of another architecture (such as Stable Diffusion 3 or Flux); InstructPix2Pix on Stable Diffusion 1 "
                + "is what works here"
        }
    }
}

/// What a UNet of so many input channels makes, as a sentence; nil for InstructPix2Pix's and for what is not known.
package func kindOfUNet(channels: Int, latentChannels: Int) -> String? {
    switch channels {
    case latentChannels: "it makes images from text (a plain Stable Diffusion) and does not edit photos by instruction"
    case latentChannels + 1: "it is made for depth maps and does not edit photos by instruction"
    case 2 * latentChannels + 1: "it is made for inpainting and does not edit photos by instruction"
    default: nil
    }
}
