import Checkpoints
import Foundation
import TensorKernels

/// What a model's parts are made of, once every tensor that the configuration wants was found in its shape, and no other.
public struct ModelSurvey: Sendable {
    private let model: ModelDirectory

    /// - Throws: `CheckpointError` for a missing, misshapen or left-over tensor.
    public init(_ model: ModelDirectory) throws {
        // Shapes are checked; no weight that the kernels cannot read where it lies is copied for that.
        let compute = Compute.planner(threads: 1)
        _ = try CLIPTextModel(model.weights(of: .textEncoder), model.textEncoder, compute: compute)
        _ = try ImageEncoder(model.weights(of: .vae), model.vae, compute: compute)
        _ = try ImageDecoder(model.weights(of: .vae), model.vae, compute: compute)
        if let tiny = model.previewAutoencoder {
            _ = try ImageDecoder(model.previewWeights(), .tiny(tiny), compute: compute)
        }
        _ = try UNet(model.weights(of: .unet), model.unet, compute: compute)
        if let folder = model.safetyFolder { _ = try SafetyChecker(model: folder, compute: compute) }
        self.model = model
    }

    /// A part's tensors. Its files are mapped as long as one of them is there.
    public func tensors(of part: ModelPart) throws -> [TensorEntry] { try model.weights(of: part).weights }

    /// The tensors that hold values which are infinite or no number, and how many, by `part/key`. Reads every weight.
    public func nonFinite() throws -> [String: Int] {
        var found: [String: Int] = [:]
        for part in ModelPart.allCases {
            for tensor in try tensors(of: part) {
                let count = tensor.nonFiniteCount()
                if count > 0 { found["\(part.rawValue)/\(tensor.key)"] = count }
            }
        }
        return found
    }
}
