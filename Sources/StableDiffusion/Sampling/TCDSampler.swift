/// Trajectory consistency distillation (Zheng et al., 2024), for models and LoRAs such as Hyper-SD's: diffusers' `TCDScheduler`
/// with eta 0, which its pipelines pass.
struct TCDSampler: Sampler {
    let timesteps: [Float]
    private let indices: [Int]
    private let alphasCumprod: [Float]
    private let predictionType: PredictionType

    init(_ configuration: SchedulerConfiguration, steps: Int) throws {
        try configuration.refuse("thresholding")
        let schedule = try NoiseSchedule(
            configuration, steps: steps, betaRange: (0.00085, 0.012), betaSchedule: .scaledLinear)
        predictionType = try configuration.predictionType(.epsilon, .sample, .velocity)
        alphasCumprod = schedule.alphasCumprod
        indices = try schedule.distilledIndices(configuration, steps: steps)
        try schedule.checkSignal(at: indices, prediction: predictionType)
        timesteps = indices.map { Float($0) }
    }

    func step(_ prediction: [Float], step: Int, latents: [Float], random: inout TorchRandom) -> [Float] {
        // The last step ends at timestep 0, whose latents are not quite clean.
        let next = step + 1 < indices.count ? indices[step + 1] : 0
        let (alpha, nextAlpha) = (alphasCumprod[indices[step]], alphasCumprod[next])
        let (signal, noise) = (alpha.squareRoot(), (1 - alpha).squareRoot())
        let (nextSignal, nextNoise) = (nextAlpha.squareRoot(), (1 - nextAlpha).squareRoot())
        return elementwise(latents, prediction) { latent, predicted in
            nextSignal * predictionType.clean(latent, predicted: predicted, signal: signal, noise: noise)
                + nextNoise * predictionType.epsilon(latent, predicted: predicted, signal: signal, noise: noise)
        }
    }
}
