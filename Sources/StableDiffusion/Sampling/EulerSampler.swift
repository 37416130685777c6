/// Euler's method on the probability flow equation (Karras et al., 2022, algorithm 1): diffusers'
/// `EulerDiscreteScheduler` without churn.
struct EulerSampler: Sampler {
    let timesteps: [Float]
    let initialNoiseScale: Float
    private let sigmas: [Float]
    private let predictionType: PredictionType

    init(_ configuration: SchedulerConfiguration, steps: Int) throws {
        try configuration.refuse("use_exponential_sigmas")
        try configuration.refuse("use_beta_sigmas")
        try configuration.refuse("interpolation_type", unless: ["linear"])
        try configuration.refuse("timestep_type", unless: ["discrete"])
        predictionType = try configuration.predictionType(.epsilon, .sample, .velocity)
        let levels = try SigmaSchedule(
            differentialEquation: configuration,
            schedule: NoiseSchedule(configuration, steps: steps, lastAlphaOfZeroSNR: 0x1p-24), steps: steps,
            usesKarrasSigmas: configuration.fields.boolean("use_karras_sigmas", default: false),
            final: configuration.fields.choice("final_sigmas_type", default: .zero))
        sigmas = levels.sigmas
        timesteps = levels.timesteps
        initialNoiseScale = try levels.initialNoiseScale(configuration)
    }

    func scaleModelInput(_ latents: [Float], step: Int) -> [Float] {
        scaleToUnitVariance(latents, sigma: sigmas[step])
    }

    func step(_ prediction: [Float], step: Int, latents: [Float], random: inout TorchRandom) -> [Float] {
        let sigma = sigmas[step]
        let change = sigmas[step + 1] - sigma
        return elementwise(latents, prediction) { latent, predicted in
            let clean = predictionType.clean(latent: latent, prediction: predicted, sigma: sigma)
            return latent + (latent - clean) / sigma * change
        }
    }
}

/// Latents at a noise level, divided by their standard deviation: what the model was trained on.
func scaleToUnitVariance(_ latents: [Float], sigma: Float) -> [Float] {
    let deviation = (sigma * sigma + 1).squareRoot()
    return latents.map { $0 / deviation }
}

extension PredictionType {
    /// The clean latents, from latents that are clean + sigma * noise.
    func clean(latent: Float, prediction: Float, sigma: Float) -> Float {
        switch self {
        case .epsilon:
            return latent - sigma * prediction
        case .sample:
            return prediction
        case .velocity:
            let variance = sigma * sigma + 1
            return prediction * (-sigma / variance.squareRoot()) + latent / variance
        }
    }
}
