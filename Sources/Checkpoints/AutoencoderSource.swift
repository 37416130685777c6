import Foundation

/// An autoencoder (VAE) that takes the place of a model's own: a folder in diffusers' layout, alone or in a model's folder, or
/// a file: an autoencoder alone, in the single-file (LDM) layout or diffusers', or a whole model of the single-file (LDM) layout.
public struct AutoencoderSource {
    /// The folder or file that was given.
    public let location: URL
    /// The tensors under diffusers' names.
    public let store: WeightStore
    /// The `config.json` of the folder, or beside the file; without one what follows from the shapes of the single-file
    /// (LDM) layout; nil if neither is there, and the model's own has to do.
    public let configuration: Data?

    private static let fileName = "config.json"
    private static let fileLimit = 1 << 20

    /// Reads the headers and the configuration.
    ///
    /// - Throws: `CheckpointError` for what is none.
    public init(_ location: URL) throws {
        self.location = location
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: location.path, isDirectory: &isFolder), isFolder.boolValue {
            let inner = location.appendingPathComponent(ModelPart.vae.rawValue)
            let folder = FileManager.default.fileExists(atPath: inner.path) ? inner : location
            store = try WeightStore(folder: folder, name: ModelPart.vae.weightName)
            configuration = try Self.configuration(in: folder)
        } else {
            let (tensors, isOriginal) = try Self.tensors(location)
            store = WeightStore(file: location.path, tensors: tensors)
            let beside = isOriginal ? nil : try Self.configuration(in: location.deletingLastPathComponent())
            configuration =
                try beside ?? (isOriginal ? DerivedConfigurations.vae(tensors, file: location.path) : nil)
        }
    }

    private static func configuration(in folder: URL) throws -> Data? {
        let url = folder.appendingPathComponent(fileName)
        guard FileManager.default.fileExists(atPath: url.path) else { return nil }
        let file = try MappedFile(url)
        guard file.count <= fileLimit else {
            throw CheckpointError.unsupported(file: file.path, reason: "it is too large for a configuration file")
        }
        return Data(file.bytes.array)
    }

    /// The tensors of a file under diffusers' names, and whether they had those of the single-file (LDM) layout.
    private static func tensors(_ url: URL) throws -> ([TensorEntry], isOriginal: Bool) {
        let all = try readTensors(url)
        let prefix =
            [KeyLayout.vaePrefix, "vae.", "module."].first { prefix in all.contains { $0.key.hasPrefix(prefix) } } ?? ""
        if prefix.isEmpty {
            if all.contains(where: { $0.key == "decoder.layers.0.weight" || $0.key == "1.weight" }) {
                throw CheckpointError.unsupported(
                    file: url.path,
                    reason:
                        "it is a tiny autoencoder (TAESD); as --vae a whole one is taken, with diffusers' config.json "
                        + "a tiny one lies in a model's folder taesd, for previews")
            }
            if let kind = WeightKind(all), kind != .vae { throw kind.refusal(file: url.path) }
        }
        let own = all.filter { $0.key.hasPrefix(prefix) }
            .map { $0.renamed(String($0.key.dropFirst(prefix.count))) }
            .filter { !isBystander($0) }
        for side in ["encoder", "decoder"] where !own.contains(where: { $0.key.hasPrefix("\(side).") }) {
            throw CheckpointError.unsupported(file: url.path, reason: "it holds no \(side) of an autoencoder (VAE)")
        }
        guard own.contains(where: { $0.key.hasPrefix("encoder.down.") }) else { return (own, false) }
        return (try original(own.map { ($0.key, $0) }, prefix: prefix, file: url.path), true)
    }

    /// The tensors of the single-file (LDM) layout under diffusers' names.
    ///
    /// - Parameters:
    ///   - tensors: by their keys without the prefix that they have in the file.
    ///   - file: what errors name.
    static func original(
        _ tensors: [(key: String, entry: TensorEntry)], prefix: String, file: String
    ) throws -> [TensorEntry] {
        let levels = KeyLayout.vaeLevels(tensors.lazy.map(\.key))
        return try KeyLayout.renamed(tensors, prefix: prefix, file: file) { KeyLayout.vae($0, levels: levels) }
            // Attention is written as 1x1 convolutions, and is a linear layer.
            .map { $0.key.contains(".attentions.") ? $0.shaped(Array($0.shape.prefix(2))) ?? $0 : $0 }
    }
}
