/// Heun's second-order method on the probability flow equation (Karras et al., 2022, algorithm 1): diffusers'
/// `HeunDiscreteScheduler`. Two evaluations a step, one for the last.
struct HeunSampler: Sampler {
    let timesteps: [Float]
    let initialNoiseScale: Float
    private let sigmas: [Float]
    private let predictionType: PredictionType
    private let clipRange: Float

    /// After a step's first half: where it started and with which slope.
    private var firstHalf: (latents: [Float], slope: [Float])?

    init(_ configuration: SchedulerConfiguration, steps: Int) throws {
        try configuration.refuse("use_exponential_sigmas")
        try configuration.refuse("use_beta_sigmas")
        predictionType = try configuration.predictionType(.epsilon, .sample, .velocity)
        clipRange = try configuration.clipRange(clipsByDefault: false)
        let levels = try SigmaSchedule(
            differentialEquation: configuration,
            schedule: NoiseSchedule(configuration, steps: steps, betaRange: (0.00085, 0.012), canRescale: false),
            steps: steps, usesKarrasSigmas: configuration.fields.boolean("use_karras_sigmas", default: false),
            final: .zero)
        sigmas = levels.sigmas
        timesteps = levels.timesteps.prefix(1) + levels.timesteps.dropFirst().flatMap { [$0, $0] }
        initialNoiseScale = try levels.initialNoiseScale(configuration)
    }

    func scaleModelInput(_ latents: [Float], step: Int) -> [Float] {
        scaleToUnitVariance(latents, sigma: sigmas[(step + 1) / 2])
    }

    mutating func step(_ prediction: [Float], step: Int, latents: [Float], random: inout TorchRandom) -> [Float] {
        let sigma = sigmas[step / 2]
        let target = sigmas[step / 2 + 1]
        let level = sigmas[(step + 1) / 2]
        var slope = elementwise(latents, prediction) { latent, predicted in
            let clean = predictionType.clean(latent: latent, prediction: predicted, sigma: level)
            return (latent - max(-clipRange, min(clean, clipRange))) / level
        }
        let start: [Float]
        if let first = firstHalf {
            start = first.latents
            slope = elementwise(first.slope, slope) { ($0 + $1) / 2 }
            firstHalf = nil
        } else {
            start = latents
            firstHalf = (latents, slope)
        }
        return elementwise(start, slope) { $0 + $1 * (target - sigma) }
    }
}
