import Foundation
import ModelHub
import StableDiffusion

/// The settings of a run: what the options say, else what the model recommends.
struct Settings: Sendable {
    let modelName: String
    /// Tells models of one name apart: ten hexadecimal digits, as many as stable-diffusion-webui's.
    let modelHash: String
    let modelLocation: URL
    let instruction: String
    let negativeInstruction: String
    let steps: Int
    let guidanceScale: Float
    let imageGuidanceScale: Float
    /// The sampler asked for; nil for the model's own, whose every setting is then the model's.
    private let requestedSampler: SamplerKind?
    let sampler: SamplerKind
    let threads: Int

    /// Throws when model, sampler and steps do not go together.
    init(options: GenerationOptions, model: ModelDirectory, found: FoundModel) throws {
        modelName = found.name
        modelHash = try model.hash()
        modelLocation = found.location
        instruction = options.instruction ?? model.defaults.instruction
        negativeInstruction = options.negative ?? ""
        steps = options.steps ?? model.defaults.steps
        guidanceScale = options.guidance ?? model.defaults.guidanceScale
        imageGuidanceScale = options.imageGuidance ?? model.defaults.imageGuidanceScale
        requestedSampler = options.sampler
        sampler = try options.sampler ?? model.sampler
        threads = options.threads ?? ProcessInfo.processInfo.activeProcessorCount
        do {
            _ = try makeSampler(kind: options.sampler, configuration: model.scheduler, steps: steps)
        } catch let error as SamplerError {
            // What the model itself asks for is the model's mistake, the rest the user's.
            guard options.sampler != nil || options.steps != nil else { throw error }
            throw CommandFailure(.usage, "this model does not go with the sampler or steps asked for: \(error)")
        }
    }

    /// Whether instruction and photo are weighed against their absence; else the model runs once a step.
    var guidanceIsOn: Bool { Guidance(textScale: guidanceScale, imageScale: imageGuidanceScale) != .off }

    func request(image: PixelImage, seed: UInt64) -> GenerationRequest {
        GenerationRequest(
            image: image, instruction: instruction, negativeInstruction: negativeInstruction, steps: steps,
            guidanceScale: guidanceScale, imageGuidanceScale: imageGuidanceScale, seed: seed, sampler: requestedSampler)
    }

    /// What is embedded into the picture made with `seed` at the working size `size`.
    func parameters(seed: UInt64, size: PixelSize) -> GenerationParameters {
        GenerationParameters(
            instruction: instruction, negativeInstruction: negativeInstruction,
            fields: [
                .init(name: "Steps", value: "\(steps)"),
                .init(name: "Sampler", value: sampler.displayName),
                .init(name: "CFG scale", value: "\(guidanceScale)"),
                .init(name: "Image CFG scale", value: "\(imageGuidanceScale)"),
                .init(name: "Seed", value: "\(seed)"),
                .init(name: "Size", value: "\(size)"),
                .init(name: "Model hash", value: modelHash),
                .init(name: "Model", value: modelName),
                .init(name: "Version", value: "cartoonize \(cartoonizeVersion)"),
            ])
    }
}

extension ModelDirectory {
    /// The start of the SHA-256 of what tells this model from others.
    fileprivate func hash() throws -> String {
        let digest = Digest.sha256()
        try forEachIdentifyingPiece { digest.update($0) }
        return String(digest.finish().prefix(10))
    }
}

extension SamplerKind {
    /// The name that other programs write into pictures and read back.
    var displayName: String {
        switch self {
        case .ddim: "DDIM"
        case .pndm: "PLMS"
        case .euler: "Euler"
        case .eulerA: "Euler a"
        case .heun: "Heun"
        case .dpmSolverMultistep: "DPM++ 2M"
        case .dpmSolverMultistepKarras: "DPM++ 2M Karras"
        case .uniPC: "UniPC"
        case .lcm: "LCM"
        }
    }
}
