import Foundation
import ModelHub
import StableDiffusion
import TensorKernels

/// The settings of a run: what is given, else what the model recommends.
struct Settings: Sendable {
    let generation: GenerationSettings
    /// Whether half precision is asked for that this processor has no instruction for: the images are made in full.
    let isHalfRefused: Bool
    let modelName: String
    /// Tells models of one name apart: ten hexadecimal digits, as many as stable-diffusion-webui's.
    let modelHash: String
    let modelLocation: URL
    /// What the model understands, if the instruction asks for nothing of it.
    let understoodInstead: String?
    let threads: Int

    /// Throws when model, sampler and steps do not go together.
    init(_ given: GivenSettings, threads: Int?, model: ModelDirectory, found: FoundModel) throws {
        // The model's own sampler may be one that is not known here, as long as another is asked for.
        let defaults = try given.sampler.map { model.defaults(sampler: $0) } ?? model.defaults
        var generation = defaults.applying(given.changes)
        isHalfRefused = try generation.precision == .half && !KernelSet.chosen().computesHalf
        if isHalfRefused { generation.precision = .full }
        self.generation = generation
        modelName = found.name
        modelHash = try model.hash()
        modelLocation = found.location
        let guide = model.instructionGuide
        understoodInstead = guide?.covers(generation.instruction) == false ? guide?.summary : nil
        self.threads = min(threads ?? .max, Compute.availableThreads)
        do {
            _ = try generation.sampler.makeSampler(model.scheduler, steps: generation.steps)
        } catch  where error is SamplerError || error is ConfigurationError {
            // What the model itself asks for is the model's mistake, the rest the user's.
            guard given.changes(\.sampler) || given.changes(\.steps) else { throw error }
            throw CommandFailure(.usage, "this model does not go with the sampler or steps asked for: \(error)")
        }
    }

    /// What is embedded into the image made with `seed` at the working size `size`.
    func parameters(seed: UInt64, size: PixelSize) -> GenerationParameters {
        GenerationParameters(
            generation, seed: seed, width: size.width, height: size.height,
            more: [
                .init(name: "Model hash", value: modelHash), .init(name: "Model", value: modelName),
                .init(name: "Version", value: "cartoonize \(cartoonizeVersion)"),
            ])
    }
}

extension ModelDirectory {
    /// The start of the SHA-256 of what identifies this model.
    fileprivate func hash() throws -> String {
        let digest = Digest.sha256()
        try forEachIdentifyingPiece { digest.update($0) }
        return String(digest.finish().prefix(10))
    }
}
