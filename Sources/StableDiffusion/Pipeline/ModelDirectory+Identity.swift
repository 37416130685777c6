import Checkpoints
import Foundation

extension ModelDirectory {
    /// As much of a tensor is looked at.
    private static let sampleBytes = 4096

    /// Hands out, in a fixed order, what identifies this model: the files of configuration and tokenizer, and each
    /// tensor's key, format, shape and the 4096 bytes in the middle of its values, or all of fewer.
    ///
    /// To hand out all of a large model would take seconds, longer than finding that nothing is left to do. Training and
    /// merging change practically every value of the tensors they touch, so one place of each tensor shows them; a change
    /// of single values elsewhere in a large tensor is not seen.
    package func forEachIdentifyingPiece(_ take: (UnsafeRawBufferPointer) -> Void) throws {
        func takeText(_ text: String) {
            // A length in front keeps neighbours apart.
            Array("\(text.utf8.count) \(text)".utf8).withUnsafeBytes { take($0) }
        }
        func takeTensor(_ tensor: TensorEntry, named name: String) {
            takeText("\(name) \(tensor.dataType.rawValue) \(tensor.shape)")
            tensor.stored().withBytes { bytes in
                let start = max(0, bytes.count - Self.sampleBytes) / 2
                take(UnsafeRawBufferPointer(rebasing: bytes[start...].prefix(Self.sampleBytes)))
            }
        }
        for file in identifyingFiles {
            // Optional ones may be missing; the others have been read.
            guard ConfigurationFile.isThere(file) else { continue }
            let content = try ConfigurationFile.bytes(of: file, limit: .max)
            takeText("\(file.lastPathComponent) \(content.count)")
            content.withUnsafeBytes { take($0) }
        }
        for part in ModelPart.allCases {
            for tensor in try weights(of: part).weights {
                takeTensor(tensor, named: "\(part.rawValue)/\(tensor.key)")
            }
        }
        if replacedVAE != nil { takeText("VAE scaled by \(vae.scalingFactor)") }
        for adapter in adapters {
            takeText("LoRA \(adapter.strength)")
            for tensor in adapter.tensors { takeTensor(tensor, named: tensor.key) }
        }
        for embedding in embeddings {
            takeText("embedding \(embedding.token)")
            for vector in embedding.vectors { vector.withUnsafeBytes { take($0) } }
        }
    }
}
