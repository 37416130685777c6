/// The key names of the original latent-diffusion layout (CompVis), turned into those of diffusers.
///
/// A single file holds the UNet under `model.diffusion_model.`, the VAE under `first_stage_model.` and CLIP under
/// `cond_stage_model.transformer.`. Blocks are numbered in one row (`input_blocks.0` to `11`), which is cut into levels
/// where a downsampler stands; the VAE's decoder levels count from the image inwards. Names as in diffusers'
/// `loaders/single_file_utils.py`.
enum KeyLayout {
    static let unetPrefix = "model.diffusion_model."
    static let vaePrefix = "first_stage_model."
    static let textPrefix = "cond_stage_model.transformer."

    /// The tensors under the names that a layout gives them.
    ///
    /// - Parameters:
    ///   - tensors: by their keys without the prefix that they have in the file.
    ///   - file: what errors name.
    ///   - name: nil for a key that the layout does not know.
    /// - Throws: `CheckpointError` for a key without a name, and for two of one name.
    static func renamed(
        _ tensors: [(key: String, entry: TensorEntry)], prefix: String, file: String, _ name: (String) -> String?
    ) throws -> [TensorEntry] {
        var sources: [String: String] = [:]
        return try tensors.map { key, entry in
            guard let newKey = name(key) else {
                throw CheckpointError.unsupported(
                    file: file,
                    reason: "its tensor \(printable(prefix + key)) has no place in the single-file (LDM) layout")
            }
            guard sources.updateValue(key, forKey: newKey) == nil else {
                throw CheckpointError.unsupported(file: file, reason: "it holds \(printable(newKey)) under two names")
            }
            return entry.renamed(newKey)
        }
    }

    // MARK: - UNet

    /// The diffusers name of a UNet key (without its prefix), or nil when the layout knows no such key.
    ///
    /// - Parameter layersPerBlock: ResNet blocks a level of the way down; the way up has one more.
    static func unet(_ key: String, layersPerBlock: Int) -> String? {
        let parts = key.split(separator: ".", omittingEmptySubsequences: false)
        let perLevel = layersPerBlock + 1
        switch (parts.first, parts.dropFirst()) {
        case ("time_embed", let rest):
            return renamed(rest, ["0": "time_embedding.linear_1", "2": "time_embedding.linear_2"])
        case ("out", let rest):
            return renamed(rest, ["0": "conv_norm_out", "2": "conv_out"])
        case ("input_blocks", let rest) where rest.first == "0":
            return renamed(rest.dropFirst(), ["0": "conv_in"])
        case ("input_blocks", let rest):
            guard let block = number(rest.first), block > 0 else { return nil }
            let level = "down_blocks.\((block - 1) / perLevel)"
            let layer = (block - 1) % perLevel
            let inner = rest.dropFirst()
            if inner.starts(with: ["0", "op"]) { return joined("\(level).downsamplers.0.conv", inner.dropFirst(2)) }
            if inner.first == "0" { return resnet(inner.dropFirst(), in: "\(level).resnets.\(layer)") }
            return inner.first == "1" ? joined("\(level).attentions.\(layer)", inner.dropFirst()) : nil
        case ("middle_block", let rest):
            switch rest.first {
            case "0": return resnet(rest.dropFirst(), in: "mid_block.resnets.0")
            case "1": return joined("mid_block.attentions.0", rest.dropFirst())
            case "2": return resnet(rest.dropFirst(), in: "mid_block.resnets.1")
            default: return nil
            }
        case ("output_blocks", let rest):
            guard let block = number(rest.first) else { return nil }
            let level = "up_blocks.\(block / perLevel)"
            let layer = block % perLevel
            let inner = rest.dropFirst()
            if inner.first == "0" { return resnet(inner.dropFirst(), in: "\(level).resnets.\(layer)") }
            // After the ResNet block come the attention, if any, and the upsampler, if any.
            if ["1", "2"].contains(inner.first), inner.dropFirst().first == "conv" {
                return joined("\(level).upsamplers.0.conv", inner.dropFirst(2))
            }
            return inner.first == "1" ? joined("\(level).attentions.\(layer)", inner.dropFirst()) : nil
        default:
            return nil
        }
    }

    /// ResNet blocks a level, from where the first downsampler stands (or the end, in a UNet of one level).
    static func layersPerBlock(_ unetKeys: some Sequence<String>) -> Int {
        var firstDownsampler = Int.max
        var last = 0
        for key in unetKeys where key.hasPrefix("input_blocks.") {
            let parts = key.split(separator: ".")
            guard parts.count > 3, let block = number(parts[1]) else { continue }
            if parts[2] == "0", parts[3] == "op" { firstDownsampler = min(firstDownsampler, block) }
            last = max(last, block)
        }
        return firstDownsampler == Int.max ? last : firstDownsampler - 1
    }

    private static func resnet(_ parts: ArraySlice<Substring>, in block: String) -> String? {
        let names = [
            "in_layers.0": "norm1", "in_layers.2": "conv1", "emb_layers.1": "time_emb_proj", "out_layers.0": "norm2",
            "out_layers.3": "conv2",
        ]
        if parts.first == "skip_connection" { return joined("\(block).conv_shortcut", parts.dropFirst()) }
        guard let name = names[parts.prefix(2).joined(separator: ".")] else { return nil }
        return joined("\(block).\(name)", parts.dropFirst(2))
    }

    // MARK: - VAE

    /// The diffusers name of a VAE key (without its prefix), or nil when the layout knows no such key.
    ///
    /// - Parameter levels: the number of the decoder's levels.
    static func vae(_ key: String, levels: Int) -> String? {
        let parts = key.split(separator: ".", omittingEmptySubsequences: false)
        if ["quant_conv", "post_quant_conv"].contains(parts.first) { return key }
        guard let side = parts.first, ["encoder", "decoder"].contains(side) else { return nil }
        let rest = parts.dropFirst()
        switch rest.first {
        case "conv_in", "conv_out":
            return key
        case "norm_out":
            return joined("\(side).conv_norm_out", rest.dropFirst())
        case "mid":
            let inner = rest.dropFirst()
            switch inner.first {
            case "block_1": return vaeResnet(inner.dropFirst(), in: "\(side).mid_block.resnets.0")
            case "block_2": return vaeResnet(inner.dropFirst(), in: "\(side).mid_block.resnets.1")
            case "attn_1":
                return vaeAttention(inner.dropFirst()).map { "\(side).mid_block.attentions.0.\($0)" }
            default: return nil
            }
        case "down" where side == "encoder", "up" where side == "decoder":
            guard let level = number(rest.dropFirst().first), level < levels else { return nil }
            let isEncoder = side == "encoder"
            let block = isEncoder ? "encoder.down_blocks.\(level)" : "decoder.up_blocks.\(levels - 1 - level)"
            let inner = rest.dropFirst(2)
            if inner.starts(with: [isEncoder ? "downsample" : "upsample", "conv"]) {
                return joined("\(block).\(isEncoder ? "downsamplers" : "upsamplers").0.conv", inner.dropFirst(2))
            }
            guard inner.first == "block", let layer = number(inner.dropFirst().first) else { return nil }
            return vaeResnet(inner.dropFirst(2), in: "\(block).resnets.\(layer)")
        default:
            return nil
        }
    }

    /// The attention's layers in the original's spelling, and in both of diffusers', which some merges have.
    private static func vaeAttention(_ parts: ArraySlice<Substring>) -> String? {
        let names = [
            "norm": "group_norm", "group_norm": "group_norm", "q": "to_q", "query": "to_q", "to_q": "to_q", "k": "to_k",
            "key": "to_k", "to_k": "to_k", "v": "to_v", "value": "to_v", "to_v": "to_v", "proj_out": "to_out.0",
            "proj_attn": "to_out.0",
        ]
        if parts.starts(with: ["to_out", "0"]) { return joined("to_out.0", parts.dropFirst(2)) }
        return renamed(parts, names)
    }

    /// The number of the decoder's levels: one more than the highest `decoder.up.N`.
    static func vaeLevels(_ vaeKeys: some Sequence<String>) -> Int {
        vaeKeys.lazy.filter { $0.hasPrefix("decoder.up.") }
            .compactMap { number($0.split(separator: ".").dropFirst(2).first) }.max().map { $0 + 1 } ?? 0
    }

    private static func vaeResnet(_ parts: ArraySlice<Substring>, in block: String) -> String? {
        let names = [
            "norm1": "norm1", "conv1": "conv1", "norm2": "norm2", "conv2": "conv2", "nin_shortcut": "conv_shortcut",
        ]
        return renamed(parts, names).map { "\(block).\($0)" }
    }

    // MARK: - Parts of names

    /// A block's number in its only spelling: two spellings of one number would make two keys one.
    private static func number(_ part: Substring?) -> Int? {
        guard let part, let value = Int(part), value >= 0, value < 1_000, String(value) == part else { return nil }
        return value
    }

    private static func renamed(_ parts: ArraySlice<Substring>, _ names: [String: String]) -> String? {
        parts.first.flatMap { names[String($0)] }.flatMap { joined($0, parts.dropFirst()) }
    }

    /// `name` and what follows it: at least the kind of parameter, such as `weight`.
    private static func joined(_ name: String, _ rest: ArraySlice<Substring>) -> String? {
        rest.isEmpty ? nil : "\(name).\(rest.joined(separator: "."))"
    }
}
