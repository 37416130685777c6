/// What a file of changes to weights is that is no LoRA of Stable Diffusion 1, told from its keys: part of it would often fit
/// by chance, and make pictures that nobody wants.
enum AdapterKind {
    /// Why the file is refused, as a clause that starts with "it is"; nil for what may be a LoRA of the model.
    ///
    /// - Parameters:
    ///   - metadata: the notes in its header.
    ///   - textWidth: of the text embeddings that the model's UNet takes.
    static func refusal(_ tensors: [TensorEntry], _ metadata: [String: String], textWidth: Int?) -> String? {
        func any(_ condition: (String) -> Bool) -> Bool { tensors.contains { condition($0.key) } }
        func any(_ words: String...) -> Bool { any { key in words.contains { key.contains($0) } } }
        if let kind = methods.first(where: { method in any { key in method.words.contains { key.contains($0) } } }) {
            return "it is \(kind.name), a kind that is not supported; LoRA and LoCon are"
        }
        let base = metadata["ss_base_model_version"]?.lowercased() ?? ""
        let widths = Set(
            tensors.filter { isOfText($0.key) }.compactMap { $0.shape.count > 1 ? $0.shape[1] : nil })
        let model: String
        if any("double_blocks", "single_blocks", "single_transformer_blocks") || base.contains("flux") {
            model = "Flux"
        } else if any("joint_blocks") || any({ $0.hasPrefix("transformer.transformer_blocks.") })
            || base.contains("sd3")
        {
            model = "Stable Diffusion 3"
        } else if any("lora_te2_", "text_encoder_2.") || any({ $0.hasPrefix("lora_unet_input_blocks_") })
            || base.contains("sdxl") || (textWidth != 2048 && widths.contains(2048))
        {
            model = "Stable Diffusion XL"
        } else if metadata["ss_v2"] == "True" || (textWidth != 1024 && widths == [1024]) {
            model = "Stable Diffusion 2"
        } else {
            return nil
        }
        return "it is a LoRA for \(model), and InstructPix2Pix models are of Stable Diffusion 1"
    }

    /// Whether a key is of the matrix that reads text embeddings.
    private static func isOfText(_ key: String) -> Bool {
        (key.contains("attn2_to_k") || key.contains("attn2.to_k"))
            && (key.hasSuffix("lora_down.weight") || key.hasSuffix("lora_A.weight")
                || key.hasSuffix("lora.down.weight"))
    }

    /// Ways to change weights other than by two narrow matrices, and what only their keys have.
    private static let methods: [(name: String, words: [String])] = [
        ("a DoRA", ["dora_scale", "lora_magnitude"]),
        ("a LyCORIS of the kind LoHa", [".hada_w"]),
        ("a LyCORIS of the kind LoKr", [".lokr_w"]),
        ("an OFT (orthogonal fine-tuning)", [".oft_blocks", ".oft_diag", ".oft_R."]),
        ("a LyCORIS of the kind (IA)3", [".on_input"]),
        ("a LyCORIS of the kind GLoRA", [".a1.weight", ".b1.weight"]),
    ]
}
