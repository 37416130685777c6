import Foundation

/// A part of a model: its folder in the diffusers layout and the stem of its weight file there.
public enum ModelPart: String, CaseIterable, Sendable {
    /// The denoising network.
    case unet
    /// The autoencoder between pixels and latents.
    case vae
    /// CLIP's text model.
    case textEncoder = "text_encoder"

    /// The stem of the part's file of weights in diffusers' layout.
    public var weightName: String { self == .textEncoder ? "model" : "diffusion_pytorch_model" }
}

/// A whole model in one file in the single-file (LDM) layout (`.ckpt`, `.pt`, `.bin`, `.safetensors`), seen as the diffusers layout
/// sees it: tensors under diffusers' names, and the configuration files that such a file lacks, from the tensors' shapes.
///
/// Judge: diffusers' `from_single_file`.
public struct SingleFileCheckpoint {
    /// Whether the file also holds averaged UNet weights (`model_ema.`).
    public let hasEMA: Bool
    /// The JSON files of the diffusers folder by relative path, `unet/config.json` and so on.
    public let configurations: [String: Data]
    private let file: String
    private let tensors: [ModelPart: [TensorEntry]]

    /// - Parameters:
    ///   - url: the file.
    ///   - useEMA: take the averaged UNet weights instead of the last ones; diffusers takes the last.
    ///   - vae: an autoencoder in place of the file's own, which then may be missing.
    /// - Throws: `CheckpointError` for a file that cannot be read, is not of this layout, holds tensors this layout does not
    ///   know, or is another kind of model than InstructPix2Pix with CLIP ViT.
    public init(_ url: URL, useEMA: Bool = false, vae: AutoencoderSource? = nil) throws {
        let file = url.path
        let all = Self.unwrapped(try readTensors(url))
        func unsupported(_ reason: String) -> CheckpointError { .unsupported(file: file, reason: reason) }
        if let kind = WeightKind(all) { throw kind.refusal(file: file) }
        func under(_ prefix: String) -> [(key: String, entry: TensorEntry)] {
            all.filter { $0.key.hasPrefix(prefix) }
                .map { (String($0.key.dropFirst(prefix.count)), $0) }
                .filter { key, entry in !isBystander(entry.renamed(key)) }
        }

        var unet = under(KeyLayout.unetPrefix)
        guard !unet.isEmpty else {
            throw unsupported("it holds no \(KeyLayout.unetPrefix)*: it is no model in the original single-file layout")
        }
        hasEMA = all.contains { $0.key.hasPrefix("model_ema.diffusion_model") }
        if useEMA {
            let averaged = Dictionary(all.map { ($0.key, $0) }) { first, _ in first }
            unet = try unet.map { key, _ in
                // The averages' names are the weights' without their dots.
                let name = "model_ema.diffusion_model\(key.filter { $0 != "." })"
                guard let entry = averaged[name] else {
                    throw CheckpointError.missingTensor(key: name, file: file, nearNames: [])
                }
                return (key, entry)
            }
        }
        let ownVAE = under(KeyLayout.vaePrefix)
        let text = under(KeyLayout.textPrefix)
        if text.isEmpty {
            throw unsupported(
                "it holds no text encoder (no \(KeyLayout.textPrefix)*), and no image is made without one")
        }
        for side in ["encoder", "decoder"]
        where vae == nil && !ownVAE.contains(where: { $0.key.hasPrefix("\(side).") }) {
            throw unsupported(
                ownVAE.isEmpty
                    ? "it holds no VAE (no \(KeyLayout.vaePrefix)*): take a version of the model with its VAE, or give one "
                        + "by --vae"
                    : "its VAE has no \(side): take a version of the model with its whole VAE, or give one by --vae")
        }

        let layers = KeyLayout.layersPerBlock(unet.lazy.map(\.key))
        guard layers > 0 else { throw unsupported("its UNet's levels have no layers") }
        tensors = [
            .unet: try KeyLayout.renamed(unet, prefix: KeyLayout.unetPrefix, file: file) {
                KeyLayout.unet($0, layersPerBlock: layers)
            },
            .vae: try vae?.store.weights
                ?? AutoencoderSource.original(ownVAE, prefix: KeyLayout.vaePrefix, file: file),
            .textEncoder: text.map { $0.entry.renamed($0.key) },
        ]
        var configurations = try DerivedConfigurations(tensors, file: file).files
        if let own = vae?.configuration { configurations["vae/config.json"] = own }
        self.configurations = configurations
        self.file = file
    }

    /// The tensors without what wrappers put into their keys: in front of a wrapped model, whatever it is called there, and
    /// of its compiled, parallel or differently named parts.
    private static func unwrapped(_ tensors: [TensorEntry]) -> [TensorEntry] {
        var outer = ""
        if !tensors.contains(where: { $0.key.hasPrefix(KeyLayout.unetPrefix) }),
            let key = tensors.lazy.map(\.key).first(where: { $0.contains("." + KeyLayout.unetPrefix) }),
            let start = key.range(of: KeyLayout.unetPrefix)?.lowerBound
        {
            outer = String(key[..<start])
        }
        let renamings = [
            (KeyLayout.unetPrefix + "_orig_mod.", KeyLayout.unetPrefix),
            (KeyLayout.unetPrefix + "module.", KeyLayout.unetPrefix),
            (KeyLayout.vaePrefix + "_orig_mod.", KeyLayout.vaePrefix),
            (KeyLayout.vaePrefix + "module.", KeyLayout.vaePrefix),
            ("cond_stage_model.clip_l.transformer.", KeyLayout.textPrefix),
            (KeyLayout.textPrefix + "_orig_mod.", KeyLayout.textPrefix),
            (KeyLayout.textPrefix + "module.", KeyLayout.textPrefix),
        ]
        return tensors.map { tensor in
            let key = tensor.key.hasPrefix(outer) ? String(tensor.key.dropFirst(outer.count)) : tensor.key
            let found = renamings.first { key.hasPrefix($0.0) }
            let name = found.map { $0.1 + key.dropFirst($0.0.count) } ?? key
            return name == tensor.key ? tensor : tensor.renamed(name)
        }
    }

    /// A part's tensors, ready to be loaded.
    public func weightStore(_ part: ModelPart) -> WeightStore {
        WeightStore(file: file, tensors: tensors[part, default: []])
    }
}
