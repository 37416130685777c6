import TensorKernels

/// The layers that CLIP's encoders of texts and of images have in common.
package struct CLIPEncoderConfiguration: Equatable, Sendable {
    package let hiddenSize: Int
    package let intermediateSize: Int
    package let numHiddenLayers: Int
    package let numAttentionHeads: Int
    package let hiddenAct: Activation
    package let layerNormEps: Float

    /// - Throws: `ConfigurationError` naming the field that is missing, malformed or not supported.
    init(_ fields: ConfigurationFields) throws {
        hiddenSize = try fields.integer("hidden_size", in: widths)
        intermediateSize = try fields.integer("intermediate_size", in: widths)
        numHiddenLayers = try fields.integer("num_hidden_layers", in: layerCounts)
        numAttentionHeads = try fields.integer("num_attention_heads", in: widths)
        guard hiddenSize % numAttentionHeads == 0 else {
            throw fields.refusal("num_attention_heads", "which does not divide hidden_size \(hiddenSize)")
        }
        switch try fields.string("hidden_act") {
        case "quick_gelu": hiddenAct = .quickGELU
        case "gelu": hiddenAct = .gelu
        default: throw fields.refusal("hidden_act", "but only quick_gelu and gelu are supported")
        }
        layerNormEps = try fields.positiveNumber("layer_norm_eps")
    }
}
