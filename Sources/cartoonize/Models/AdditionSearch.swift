import Checkpoints
import Files
import Foundation

/// What can be added to a model.
enum Addition: String {
    case lora = "LoRA"
    case embedding

    /// The folder that it is looked for in by name.
    var folder: String { self == .lora ? "loras" : "embeddings" }

    /// The names of the file in a folder that holds one addition.
    var fileNames: [String] {
        self == .lora ? LowRankAdapter.folderNames : ["learned_embeds.safetensors", "learned_embeds.bin"]
    }
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
