import Foundation
import TensorKernels

/// The architecture of a `CLIPTextModel`, decoded from its `config.json`.
package struct CLIPTextConfiguration: Equatable, Sendable {
    package let vocabSize: Int
    package let hiddenSize: Int
    package let intermediateSize: Int
    package let numHiddenLayers: Int
    package let numAttentionHeads: Int
    package let maxPositionEmbeddings: Int
    package let hiddenAct: Activation
    package let layerNormEps: Float

    /// - Throws: `ConfigurationError` naming the field that is missing, malformed or not supported.
    package init(contentsOf url: URL) throws {
        try self.init(ConfigurationFields(contentsOf: url, defaults: Self.defaults))
    }

    package init(_ fields: ConfigurationFields) throws {
        try fields.requireDefaults(of: ["use_attention_mask"])
        vocabSize = try fields.integer("vocab_size", in: 1...1 << 24)
        hiddenSize = try fields.integer("hidden_size", in: widths)
        intermediateSize = try fields.integer("intermediate_size", in: widths)
        numHiddenLayers = try fields.integer("num_hidden_layers", in: layerCounts)
        numAttentionHeads = try fields.integer("num_attention_heads", in: widths)
        guard hiddenSize % numAttentionHeads == 0 else {
            throw fields.refusal("num_attention_heads", "which does not divide hidden_size \(hiddenSize)")
        }
        maxPositionEmbeddings = try fields.integer("max_position_embeddings", in: widths)
        switch try fields.string("hidden_act") {
        case "quick_gelu": hiddenAct = .quickGELU
        case "gelu": hiddenAct = .gelu
        default: throw fields.refusal("hidden_act", "but only quick_gelu and gelu are supported")
        }
        layerNormEps = try fields.positiveNumber("layer_norm_eps")
    }

    /// The defaults of `CLIPTextConfig` in transformers 5; the pipeline asks for `use_attention_mask` beside them.
    package static let defaults: [String: JSONValue] = [
        "vocab_size": 49408,
        "hidden_size": 512,
        "intermediate_size": 2048,
        "num_hidden_layers": 12,
        "num_attention_heads": 8,
        "max_position_embeddings": 77,
        "hidden_act": "quick_gelu",
        "layer_norm_eps": 1e-5,
        "use_attention_mask": false,
    ]
}
