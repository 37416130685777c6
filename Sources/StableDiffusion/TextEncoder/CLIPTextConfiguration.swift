import Foundation

/// The architecture of a `CLIPTextModel`, decoded from its `config.json`.
package struct CLIPTextConfiguration: Equatable, Sendable {
    package let vocabSize: Int
    package let maxPositionEmbeddings: Int
    package let encoder: CLIPEncoderConfiguration
    package var hiddenSize: Int { encoder.hiddenSize }

    /// - Throws: `ConfigurationError` naming the field that is missing, malformed or not supported.
    package init(contentsOf url: URL) throws {
        try self.init(ConfigurationFields(contentsOf: url, defaults: Self.defaults))
    }

    package init(_ fields: ConfigurationFields) throws {
        try fields.requireDefaults(of: ["use_attention_mask"])
        vocabSize = try fields.integer("vocab_size", in: 1...1 << 24)
        maxPositionEmbeddings = try fields.integer("max_position_embeddings", in: widths)
        encoder = try CLIPEncoderConfiguration(fields)
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
