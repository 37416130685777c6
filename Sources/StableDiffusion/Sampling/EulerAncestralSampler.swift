/// Euler's method with fresh noise after each step (Crowson's k-diffusion): diffusers'
/// `EulerAncestralDiscreteScheduler`, the published cartoonizer's own.
struct EulerAncestralSampler: Sampler {
    let timesteps: [Float]
    let initialNoiseScale: Float
    private let sigmas: [Float]
    private let predictionType: PredictionType

    init(_ configuration: SchedulerConfiguration, steps: Int) throws {
        predictionType = try configuration.predictionType(.epsilon, .velocity)
        let levels = try SigmaSchedule(
            differentialEquation: configuration,
            schedule: NoiseSchedule(configuration, steps: steps, lastAlphaOfZeroSNR: 0x1p-24), steps: steps,
            usesKarrasSigmas: false, final: .zero)
        sigmas = levels.sigmas
        timesteps = levels.timesteps
        initialNoiseScale = try levels.initialNoiseScale(configuration)
    }

    func scaleModelInput(_ latents: [Float], step: Int) -> [Float] {
        scaleToUnitVariance(latents, sigma: sigmas[step])
    }

    func step(_ prediction: [Float], step: Int, latents: [Float], random: inout TorchRandom) -> [Float] {
        let sigma = sigmas[step]
        let target = sigmas[step + 1]
        // Down to below the target's noise level, then up to it with new noise.
        let up = (target * target * (sigma * sigma - target * target) / (sigma * sigma)).squareRoot()
        // Between far apart levels rounding may take the difference below zero, where diffusers ends in NaN.
        let down = max(target * target - up * up, 0).squareRoot()
        let change = down - sigma
        // The last step draws too, with weight zero: later images of the same generator depend on it.
        let noise = random.normal(count: prediction.count)
        return latents.indices.map { index in
            let latent = latents[index]
            let clean = predictionType.clean(latent: latent, prediction: prediction[index], sigma: sigma)
            return latent + (latent - clean) / sigma * change + noise[index] * up
        }
    }
}
