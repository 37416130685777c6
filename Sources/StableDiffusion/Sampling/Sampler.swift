/// Takes latents from noise to a picture, one model evaluation after the other.
///
/// Latents and predictions are plain values in PyTorch's order `[1, 4, height, width]`. Calls go by step index from 0
/// on, each once: `scaleModelInput`, the model, then `step`.
public protocol Sampler: Sendable {
    /// The timestep of each model evaluation: may be fractional, may repeat (PNDM, Heun).
    var timesteps: [Float] { get }

    /// What standard normal noise is multiplied by to become the first latents.
    var initialNoiseScale: Float { get }

    /// The latents as the model wants to see them.
    func scaleModelInput(_ latents: [Float], step: Int) -> [Float]

    /// The next latents.
    ///
    /// - Parameters:
    ///   - prediction: what the model, guided, made of the latents.
    ///   - step: the index in `timesteps`.
    ///   - random: where an ancestral sampler draws its noise, one call of `normal` for each drawing.
    mutating func step(_ prediction: [Float], step: Int, latents: [Float], random: inout TorchRandom) -> [Float]
}

extension Sampler {
    /// 1: standard normal noise is taken as it is.
    public var initialNoiseScale: Float { 1 }

    /// The latents as they are.
    public func scaleModelInput(_ latents: [Float], step: Int) -> [Float] { latents }
}

/// The sampler a user asked for, or the model's own.
///
/// - Parameters:
///   - kind: nil for the class that the model's file names. Its other settings come from the file in either case, and
///     what is absent there from the defaults of the class that runs, as in diffusers' `from_config`.
///   - configuration: the model's file.
///   - steps: 1 to 1000, no more than the training had.
/// - Throws: `SamplerError` for settings or steps that the sampler does not support.
public func makeSampler(
    kind: SamplerKind?, configuration: SchedulerConfiguration, steps: Int
) throws -> any Sampler {
    guard 1...1000 ~= steps else { throw SamplerError.steps(steps, reason: "ask for 1 to 1000") }
    guard let chosen = kind ?? configuration.className.flatMap(SamplerKind.init(name:)) else {
        throw SamplerError.unknownClass(configuration.className)
    }
    switch chosen {
    case .ddim: return try DDIMSampler(configuration, steps: steps)
    case .pndm: return try PNDMSampler(configuration, steps: steps)
    case .euler: return try EulerSampler(configuration, steps: steps)
    case .eulerA: return try EulerAncestralSampler(configuration, steps: steps)
    case .heun: return try HeunSampler(configuration, steps: steps)
    case .dpmSolverMultistep:
        // The name without Karras means without; only when the file itself chooses does its own flag count.
        let usesKarras = try kind == nil && configuration.flag("use_karras_sigmas", default: false)
        return try DPMSolverMultistepSampler(configuration, steps: steps, usesKarrasSigmas: usesKarras)
    case .dpmSolverMultistepKarras:
        return try DPMSolverMultistepSampler(configuration, steps: steps, usesKarrasSigmas: true)
    case .uniPC: return try UniPCSampler(configuration, steps: steps)
    case .lcm: return try LCMSampler(configuration, steps: steps)
    }
}

/// Combines latents value by value.
func elementwise(_ first: [Float], _ second: [Float], _ combine: (Float, Float) -> Float) -> [Float] {
    precondition(first.count == second.count, "latents of \(first.count) and \(second.count) values")
    return first.indices.map { combine(first[$0], second[$0]) }
}
