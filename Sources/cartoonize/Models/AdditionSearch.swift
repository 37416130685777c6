import Checkpoints
import Files
import Foundation

/// What can be added to a model.
enum Addition: String, CaseIterable {
    case lora = "LoRA"
    case embedding
    case vae = "VAE"

    /// The folder that it is looked for in by name.
    var folder: String {
        switch self {
        case .lora: "loras"
        case .embedding: "embeddings"
        case .vae: "vaes"
        }
    }

    /// The names of the file in a folder that holds one addition.
    var fileNames: [String] {
        switch self {
        case .lora: LowRankAdapter.folderNames
        case .embedding: ["learned_embeds.safetensors", "learned_embeds.bin"]
        case .vae: ["diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin"]
        }
    }

    /// The option that takes it.
    var option: String { "--\(rawValue.lowercased())" }
}

extension ModelSearch {
    /// The file of an addition: a path, or a name that is looked for in `loras` or `embeddings` of the model's folder, of the
    /// folder of the user's models and beside it.
    ///
    /// - Throws: a `CommandFailure` that names every place searched.
    func locate(_ kind: Addition, _ request: String, for model: FoundModel) throws -> URL {
        if let file = file(of: kind, at: URL(fileURLWithPath: request)) { return file }
        func failure(_ searched: [String], near: String?) -> CommandFailure {
            CommandFailure(
                .model,
                "no \(kind.rawValue) '\(singleLine(request))'"
                    + (near.map { " (did you mean '\(singleLine($0))'?)" } ?? "")
                    + "; searched \(searched.joined(separator: ", "))")
        }
        guard !request.isEmpty, !request.contains("/") else { throw failure([request], near: nil) }
        let folders =
            [model.location, dataFolder, dataFolder.deletingLastPathComponent()]
            .map { $0.appendingPathComponent(kind.folder) }
        for folder in folders {
            let names = [request] + Self.weightExtensions.map { "\(request).\($0)" }
            for name in names {
                if let file = file(of: kind, at: folder.appendingPathComponent(name)) { return file }
            }
        }
        let installed = folders.flatMap { contents(of: $0) }.map { name in
            Self.weightExtensions.contains(FilePath(name).fileExtension) ? FilePath(name).withoutExtension : name
        }
        throw failure([request] + folders.map(\.path), near: nearNames(to: request, among: installed).first)
    }

    /// An autoencoder: a path if there is something, else a name as of any addition.
    func autoencoder(_ request: String, for model: FoundModel) throws -> URL {
        guard FileKind(request) == nil, !request.contains("/") else { return URL(fileURLWithPath: request) }
        return try locate(.vae, request, for: model)
    }

    /// The file at a place, or the one in the folder there.
    private func file(of kind: Addition, at place: URL) -> URL? {
        switch FileKind(place.path) {
        case nil: return nil
        case .folder?:
            let file = kind.fileNames.map(place.appendingPathComponent).first { FileKind($0.path) != nil }
            return file ?? checkpoint(in: place)
        default: return place
        }
    }
}
