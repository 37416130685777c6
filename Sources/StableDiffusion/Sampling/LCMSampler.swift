/// Multistep sampling of latent consistency models (Luo et al., 2023): diffusers' `LCMScheduler`.
struct LCMSampler: Sampler {
    let timesteps: [Float]
    private let indices: [Int]
    private let alphasCumprod: [Float]
    private let timestepScaling: Float
    private let predictionType: PredictionType
    private let clipRange: Float

    init(_ configuration: SchedulerConfiguration, steps: Int) throws {
        try configuration.refuse("thresholding")
        let schedule = try NoiseSchedule(
            configuration, steps: steps, betaRange: (0.00085, 0.012), betaSchedule: .scaledLinear)
        predictionType = try configuration.predictionType(.epsilon, .sample, .velocity)
        clipRange = try configuration.clipRange(clipsByDefault: false)
        timestepScaling = Float(try configuration.fields.anyNumber("timestep_scaling") ?? 10)
        alphasCumprod = schedule.alphasCumprod

        indices = try schedule.distilledIndices(configuration, steps: steps)
        try schedule.checkSignal(at: indices, prediction: predictionType)
        timesteps = indices.map { Float($0) }
    }

    func step(_ prediction: [Float], step: Int, latents: [Float], random: inout TorchRandom) -> [Float] {
        let alpha = alphasCumprod[indices[step]]
        let signal = alpha.squareRoot()
        let noise = (1 - alpha).squareRoot()
        // The consistency function's boundary condition: all latents, no prediction at timestep 0.
        let scaledTimestep = Float(indices[step]) * timestepScaling
        let variance = scaledTimestep * scaledTimestep + 0.25
        let latentWeight = 0.25 / variance
        let cleanWeight = scaledTimestep / variance.squareRoot()
        let denoised = elementwise(latents, prediction) { latent, predicted in
            let clean = predictionType.clean(latent, predicted: predicted, signal: signal, noise: noise)
            return cleanWeight * max(-clipRange, min(clean, clipRange)) + latentWeight * latent
        }
        guard step + 1 < indices.count else { return denoised }
        let nextAlpha = alphasCumprod[indices[step + 1]]
        let nextSignal = nextAlpha.squareRoot()
        let nextNoise = (1 - nextAlpha).squareRoot()
        return elementwise(denoised, random.normal(count: denoised.count)) { nextSignal * $0 + nextNoise * $1 }
    }
}
