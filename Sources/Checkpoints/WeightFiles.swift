import Foundation

/// The tensors of a weight file of any kind this library reads, told apart by content: safetensors, or what `torch.save`
/// writes in either of its formats.
///
/// - Throws: `CheckpointError`.
package func readTensors(_ url: URL) throws -> [TensorEntry] {
    let file = try MappedFile(url)
    if file.bytes.starts(with: TorchCheckpoint.zipMagic) { return try TorchCheckpoint(zip: file).tensors }
    if file.bytes.starts(with: TorchCheckpoint.legacyMagic) { return try TorchCheckpoint(legacy: file).tensors }
    if url.pathExtension == "safetensors" || file.bytes.dropFirst(8).first == UInt8(ascii: "{") {
        return try SafetensorsFile(file).tensors
    }
    throw CheckpointError.malformed(
        file: file.path, reason: "it is neither safetensors nor what torch.save writes (a zip archive or pickles)")
}

/// The file that holds the weights of a model part, or the index of the files that do: the first that exists of the names
/// that diffusers and transformers write, safetensors before .bin, whole precision before half.
///
/// - Parameter name: `diffusion_pytorch_model` or `model`; transformers call the latter `pytorch_model` in a .bin.
func weightFile(folder: URL, name: String) throws -> URL {
    let pickled = name == "model" ? "pytorch_model" : name
    let candidates = [
        "\(name).safetensors", "\(name).safetensors.index.json", "\(pickled).bin", "\(pickled).bin.index.json",
        "\(name).fp16.safetensors", "\(pickled).fp16.bin",
    ]
    for candidate in candidates {
        let url = folder.appendingPathComponent(candidate)
        if FileManager.default.fileExists(atPath: url.path) { return url }
    }
    throw CheckpointError.noWeights(folder: folder.path, lookedFor: candidates)
}
