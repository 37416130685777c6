import Foundation

/// A noise level as the exponential integrators (DPM-Solver, UniPC) see it: latents = signal * clean + noise * epsilon.
struct SolverLevel {
    let signal: Float
    let noise: Float
    /// Half the logarithm of the signal-to-noise ratio; infinite without noise.
    let lambda: Float

    init(sigma: Float) {
        signal = 1 / (sigma * sigma + 1).squareRoot()
        noise = sigma * signal
        lambda = log(signal) - log(noise)
    }

    /// The clean latents.
    func clean(_ latents: [Float], prediction: [Float], type: PredictionType) -> [Float] {
        elementwise(latents, prediction) { type.clean($0, predicted: $1, signal: signal, noise: noise) }
    }
}

extension PredictionType {
    /// The clean latent that a prediction means, where the latent is `signal * clean + noise * epsilon`.
    func clean(_ latent: Float, predicted: Float, signal: Float, noise: Float) -> Float {
        switch self {
        case .epsilon: (latent - noise * predicted) / signal
        case .sample: predicted
        case .velocity: signal * latent - noise * predicted
        }
    }

    /// The noise that a prediction means, likewise.
    func epsilon(_ latent: Float, predicted: Float, signal: Float, noise: Float) -> Float {
        switch self {
        case .epsilon: predicted
        case .sample: (latent - signal * predicted) / noise
        case .velocity: signal * predicted + noise * latent
        }
    }
}
