import Foundation

/// The tensors of a weight file of any kind this library reads, told apart by content: safetensors, or what `torch.save`
/// writes in either of its formats.
///
/// - Throws: `CheckpointError`.
package func readTensors(_ url: URL) throws -> [TensorEntry] { try readWeights(url).tensors }

/// The tensors as `readTensors` gives them, and what whoever wrote a safetensors file noted in its header.
func readWeights(_ url: URL) throws -> (tensors: [TensorEntry], metadata: [String: String]) {
    let file = try MappedFile(url)
    if let contents = try TorchContents(file) { return (try TorchCheckpoint(contents).tensors, [:]) }
    if let kind = foreignFile(file.bytes, name: url.lastPathComponent) {
        throw CheckpointError.unsupported(file: file.path, reason: "it is \(kind)")
    }
    if url.pathExtension == "safetensors" || file.bytes.dropFirst(8).first == UInt8(ascii: "{") {
        let contents = try SafetensorsFile(file)
        return (contents.tensors, contents.metadata)
    }
    throw CheckpointError.malformed(
        file: file.path, reason: "it is neither safetensors nor what torch.save writes (a zip archive or pickles)")
}

/// The file that holds the weights of a model part, or the index of the files that do: the first that exists of the names
/// that diffusers and transformers write, safetensors before .bin, whole precision before half, that before any other
/// variant.
///
/// - Parameter name: `diffusion_pytorch_model` or `model`; transformers call the latter `pytorch_model` in a .bin.
package func weightFile(folder: URL, name: String) throws -> URL {
    let pickled = name == "model" ? "pytorch_model" : name
    let kinds = [(name, "safetensors"), (pickled, "bin")]
    let whole = kinds.flatMap { ["\($0).\($1)", "\($0).\($1).index.json"] }
    let half = kinds.flatMap { weightFileNames($0, $1, variant: "fp16") }
    let present = Set((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
    let variants = Set(present.compactMap { variant(of: $0, stems: [name, pickled]) }).sorted()
    let others = variants.flatMap { variant in kinds.flatMap { weightFileNames($0, $1, variant: variant) } }
    for candidate in whole + half + others where present.contains(candidate) {
        let url = folder.appendingPathComponent(candidate)
        // A link of the hub's cache may lead nowhere.
        if FileManager.default.fileExists(atPath: url.path) { return url }
    }
    throw CheckpointError.noWeights(folder: folder.path, lookedFor: whole + half)
}

/// The names of a variant's file, and of the index of its pieces, in the ways that diffusers has written them.
package func weightFileNames(_ stem: String, _ kind: String, variant: String) -> [String] {
    ["\(stem).\(variant).\(kind)", "\(stem).\(kind).index.\(variant).json", "\(stem).\(variant).\(kind).index.json"]
}

/// The variant in a file's name, such as `non_ema` in `diffusion_pytorch_model.non_ema.safetensors`.
private func variant(of file: String, stems: [String]) -> String? {
    let parts = file.split(separator: ".").map(String.init)
    guard let stem = parts.first, stems.contains(stem), parts.count >= 3 else { return nil }
    let words = parts.dropFirst().filter { !["safetensors", "bin", "index", "json"].contains($0) }
    guard words.count == 1, let word = words.first, !word.contains("-of-") else { return nil }
    return word
}

/// What is missing of the files that hold a model part's weights: their names, none if all are there.
package func missingWeightFiles(folder: URL, name: String) -> [String] {
    guard let url = try? weightFile(folder: folder, name: name) else { return ["\(name).safetensors"] }
    guard url.pathExtension == "json" else { return [] }
    guard let shards = try? ShardIndex.shards(of: url) else { return [url.lastPathComponent] }
    return shards.filter { !FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path) }
}
