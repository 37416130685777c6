import Checkpoints
import Foundation
import TensorKernels

/// `StableDiffusionSafetyChecker`: compares CLIP's vector of an image with those of concepts that an image must not be near.
/// Which these are, the authors have not published.
package struct SafetyChecker {
    private let vision: CLIPVisionModel
    private let projection: WeightTensor
    private let concepts: Concepts
    private let special: Concepts
    private let preparation: CLIPImagePreparation

    /// Vectors, `[count, width]`, and how near each may be.
    private struct Concepts {
        let vectors: [Float]
        let thresholds: [Float]

        init(_ store: WeightStore, _ name: String, count: Int, width: Int) throws {
            vectors = try store.tensor(name, shape: [count, width]).floats()
            thresholds = try store.tensor("\(name)_weights", shape: [count]).floats()
        }

        /// By how much each vector's cosine with another is above its threshold.
        func excess(of vector: [Float]) -> [Float] {
            func product(_ a: ArraySlice<Float>, _ b: ArraySlice<Float>) -> Float {
                zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
            }
            func norm(_ a: ArraySlice<Float>) -> Float { max(product(a, a).squareRoot(), 1e-12) }
            let width = vector.count
            return thresholds.indices.map { index in
                let concept = vectors[index * width..<(index + 1) * width]
                return product(concept, vector[...]) / (norm(concept) * norm(vector[...])) - thresholds[index]
            }
        }
    }

    /// - Parameter model: a model's folder, with `safety_checker` and perhaps `feature_extractor` in it.
    /// - Throws: `ConfigurationError` or `CheckpointError` with a sentence that names the file.
    package init(model folder: URL, compute: Compute) throws {
        let part = folder.appendingPathComponent(Self.folder)
        let file = part.appendingPathComponent("config.json")
        let fields = try ConfigurationFile.fields(of: file)
        // As transformers: what the older field says comes first.
        let visionFields = ["vision_config", "vision_config_dict"].compactMap { fields[$0]?.object }
            .reduce([:]) { $0.merging($1) { _, later in later } }
        let configuration = try CLIPVisionConfiguration(
            ConfigurationFields(visionFields, file: file.path, defaults: CLIPVisionConfiguration.defaults))
        let all = ConfigurationFields(fields, file: file.path, defaults: ["projection_dim": 512])
        let width = try all.integer("projection_dim", in: widths)
        preparation = try Self.preparation(folder)
        guard preparation.cropSize == configuration.imageSize else {
            throw ConfigurationError(
                file: file.path,
                reason: "image_size is \(configuration.imageSize), but images are prepared with "
                    + "\(preparation.cropSize)")
        }

        let store = try WeightStore(folder: part, name: "model")
        let weights = LayerWeights(store, compute: compute).scoped("vision_model")
        // Published checkpoints have the prefix twice; transformers 5 writes it once.
        let isNested = weights.contains("vision_model.pre_layrnorm.weight")
        vision = try CLIPVisionModel(isNested ? weights.scoped("vision_model") : weights, configuration)
        projection = try LayerWeights(store, compute: compute).scoped("visual_projection")
            .matrix("weight", [width, configuration.encoder.hiddenSize])
        concepts = try Concepts(store, "concept_embeds", count: 17, width: width)
        special = try Concepts(store, "special_care_embeds", count: 3, width: width)
        try store.requireAllRead()
    }

    private static func preparation(_ folder: URL) throws -> CLIPImagePreparation {
        let file = folder.appendingPathComponent("feature_extractor/preprocessor_config.json")
        let fields = ConfigurationFile.isThere(file) ? try ConfigurationFile.fields(of: file) : [:]
        return try CLIPImagePreparation(
            ConfigurationFields(fields, file: file.path, defaults: CLIPImagePreparation.defaults))
    }

    private static let folder = "safety_checker"

    /// Whether a model's folder has a safety checker, be it sound or not.
    static func isThere(in folder: URL) -> Bool {
        ConfigurationFile.isThere(folder.appendingPathComponent("\(Self.folder)/config.json"))
    }

    /// The virtual memory that its file takes while it is mapped.
    static func fileBytes(in folder: URL) throws -> Int {
        WeightCatalog(try WeightStore(folder: folder.appendingPathComponent(Self.folder), name: "model")).fileBytes
    }

    /// Plans what an image takes.
    func plan() { _ = vector([Float](repeating: 0, count: 3 * preparation.cropSize * preparation.cropSize)) }

    /// CLIP's vector of a prepared image, `[1, width]`.
    private func vector(_ pixels: [Float]) -> Tensor { vision(pixels).linear(projection) }

    /// - Parameter image: of any size.
    package func callAsFunction(_ image: PixelImage) -> SafetyScores {
        let vector = vector(preparation(image)).values
        let special = special.excess(of: vector)
        // The first that is too near makes the checker stricter with the later ones, and with all concepts.
        var adjusted: [Float] = []
        var adjustment: Float = 0
        for excess in special {
            adjusted.append(excess + adjustment)
            if SafetyScores.isAbove(excess + adjustment) { adjustment = 0.01 }
        }
        return SafetyScores(concepts: concepts.excess(of: vector).map { $0 + adjustment }, special: adjusted)
    }
}

/// What a model's safety checker finds in an image: cosines less thresholds.
public struct SafetyScores: Equatable, Sendable {
    /// For each of the 17 concepts how much nearer the image is to it than it may be; below zero for what is far enough.
    public let concepts: [Float]
    /// The same for the three that make the checker stricter.
    public let special: [Float]

    /// The highest score of the concepts.
    public var highest: Float { concepts.max() ?? 0 }

    /// Whether the image is too near to a concept, as diffusers decides it.
    public var isFlagged: Bool { Self.isAbove(highest) }

    /// Whether a score, rounded to three digits, is above zero.
    static func isAbove(_ score: Float) -> Bool { (Double(score) * 1000).rounded(.toNearestOrEven) > 0 }
}
