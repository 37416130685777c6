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
        switch type {
        case .epsilon: elementwise(latents, prediction) { ($0 - noise * $1) / signal }
        case .sample: prediction
        case .velocity: elementwise(latents, prediction) { signal * $0 - noise * $1 }
        }
    }
}
