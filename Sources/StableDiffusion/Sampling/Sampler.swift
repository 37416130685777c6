/// Takes latents from noise to an image, one model evaluation after the other.
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
    ///   - latents: those that the step starts from.
    ///   - random: where an ancestral sampler draws its noise, one call of `normal` for each drawing.
    mutating func step(_ prediction: [Float], step: Int, latents: [Float], random: inout TorchRandom) -> [Float]
}

extension Sampler {
    /// 1: standard normal noise is taken as it is.
    public var initialNoiseScale: Float { 1 }

    /// The latents as they are.
    public func scaleModelInput(_ latents: [Float], step: Int) -> [Float] { latents }
}

/// Combines latents value by value.
func elementwise(_ first: [Float], _ second: [Float], _ combine: (Float, Float) -> Float) -> [Float] {
    precondition(first.count == second.count, "latents of \(first.count) and \(second.count) values")
    return first.indices.map { combine(first[$0], second[$0]) }
}
