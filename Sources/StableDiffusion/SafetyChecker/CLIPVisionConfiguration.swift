/// The architecture of a `CLIPVisionModel`.
package struct CLIPVisionConfiguration: Equatable, Sendable {
    package let encoder: CLIPEncoderConfiguration
    /// The side in pixels of the square images that it takes.
    package let imageSize: Int
    /// The side in pixels of the squares that an image is cut into.
    package let patchSize: Int

    /// Squares in a row and in a column.
    var patches: Int { imageSize / patchSize }

    /// - Throws: `ConfigurationError` naming the field that is missing, malformed or not supported.
    package init(_ fields: ConfigurationFields) throws {
        try fields.requireDefaults(of: ["num_channels"])
        encoder = try CLIPEncoderConfiguration(fields)
        imageSize = try fields.integer("image_size", in: 1...4096)
        patchSize = try fields.integer("patch_size", in: 1...imageSize)
    }

    /// The defaults of `CLIPVisionConfig` in transformers 5.
    package static let defaults: [String: JSONValue] = [
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "num_channels": 3,
        "image_size": 224,
        "patch_size": 32,
        "hidden_act": "quick_gelu",
        "layer_norm_eps": 1e-5,
    ]
}
