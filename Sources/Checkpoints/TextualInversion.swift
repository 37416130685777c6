import Foundation

/// A textual inversion (Gal et al. 2022): vectors that a text encoder takes in place of a word's.
///
/// Read are the forms of stable-diffusion-webui (`.pt` with `string_to_param`, safetensors with `emb_params`), of the
/// original training code, and of diffusers (one tensor under the word). Nothing in a file is executed.
public struct TextualInversion: Sendable {
    /// Ten times as many as a text has room for.
    private static let mostVectors = 750

    /// The file's name without its extension.
    public let name: String
    /// The word in a text that the vectors stand for.
    public let token: String
    /// One for each token that the word takes, each of the text encoder's width.
    package let vectors: [[Float]]

    /// - Parameters:
    ///   - file: safetensors or what `torch.save` writes.
    ///   - width: of the text encoder's vectors.
    /// - Throws: `CheckpointError` for what is none, or is one for another text encoder.
    package init(_ file: URL, width: Int) throws {
        name = file.deletingPathExtension().lastPathComponent
        let (word, tensors) = try readEmbedding(file)
        func unsupported(_ reason: String) -> CheckpointError { .unsupported(file: file.path, reason: reason) }
        guard let tensor = tensors.first, tensors.count == 1 else {
            throw unsupported(
                tensors.contains { $0.key == "clip_g" }
                    ? "it is a textual inversion for Stable Diffusion XL"
                    : "it holds \(tensors.count) tensors where a textual inversion has one")
        }
        let count = tensor.shape.count == 2 ? tensor.shape[0] : 1
        guard (1...2).contains(tensor.shape.count), let found = tensor.shape.last, tensor.dataType.isWeightType else {
            throw unsupported("it is no textual inversion: its tensor has the shape \(tensor.shape)")
        }
        guard found == width else {
            let models = [768: "Stable Diffusion 1", 1024: "Stable Diffusion 2", 1280: "Stable Diffusion XL"]
            throw unsupported(
                "its vectors have \(found) values and the model's text encoder takes \(width)"
                    + (models[found].map { "; it was made for \($0)" } ?? ""))
        }
        guard (1...Self.mostVectors).contains(count) else {
            throw unsupported("it holds \(count) vectors, and a text has room for 75")
        }
        guard tensor.nonFiniteCount() == 0 else {
            throw CheckpointError.malformed(file: file.path, reason: "it holds values that are not finite numbers")
        }
        let values = tensor.stored().floats()
        vectors = (0..<count).map { Array(values[$0 * width..<($0 + 1) * width]) }
        // These keys say nothing of the word: webui takes the file's name.
        let key = ["emb_params", "clip_l", "*"].contains(tensor.key) ? name : tensor.key
        let token = word ?? key
        guard !token.isEmpty, token.utf8.count <= 200, token.contains(where: { !$0.isWhitespace }) else {
            throw unsupported("the word that it stands for is empty or too long")
        }
        self.token = token
    }
}

/// The word that a file says its embedding stands for, nil if that is the tensor's key, and the float tensors in it.
func readEmbedding(_ url: URL) throws -> (word: String?, tensors: [TensorEntry]) {
    let file = try MappedFile(url)
    guard let contents = try TorchContents(file) else {
        let tensors = try readTensors(url)
        if let kind = WeightKind(tensors), kind != .textualInversion { throw kind.refusal(file: file.path) }
        return (nil, tensors.filter(\.dataType.isWeightType))
    }
    if let embedding = contents.webuiEmbedding { return embedding }
    let tensors = try TorchCheckpoint(contents).tensors
    if let kind = WeightKind(tensors), kind != .textualInversion { throw kind.refusal(file: file.path) }
    return (nil, tensors.filter(\.dataType.isWeightType))
}

extension TorchContents {
    /// The word and the tensors of an embedding as webui and the original training code write it, or of a tensor alone; nil
    /// for any other contents.
    fileprivate var webuiEmbedding: (word: String?, tensors: [TensorEntry])? {
        if case .tensor(let index) = root { return (nil, [entry(index, key: "*")]) }
        guard case .dictionary(let outermost) = root else { return nil }
        let fields = machine.dictionaries[outermost]
        guard let embedding = fields.first(where: { $0.key.isText("string_to_param") })?.value else { return nil }
        var word: String?
        if case .text(let name)? = fields.first(where: { $0.key.isText("name") })?.value { word = name }
        guard case .dictionary(let inner) = embedding else {
            // An object of a class that keeps parameters: what it holds is the file's one tensor of floats.
            let floats = machine.tensors.indices.filter { machine.tensors[$0].dataType.isWeightType }
            return (word, floats.map { entry($0, key: "*") })
        }
        var tensors: [TensorEntry] = []
        for case (.text(let key), .tensor(let index)) in machine.dictionaries[inner] {
            tensors.append(entry(index, key: key))
        }
        return (word, tensors)
    }
}
