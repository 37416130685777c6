/// Denoising diffusion implicit models (Song et al., 2020) without added noise: diffusers' `DDIMScheduler` with eta 0.
struct DDIMSampler: Sampler {
    let timesteps: [Float]
    private let indices: [Int]
    private let alphasCumprod: [Float]
    private let finalAlpha: Float
    private let stride: Int
    private let predictionType: PredictionType
    private let clipRange: Float

    init(_ configuration: SchedulerConfiguration, steps: Int) throws {
        try configuration.refuse("thresholding")
        let schedule = try NoiseSchedule(configuration, steps: steps)
        predictionType = try configuration.predictionType(.epsilon, .sample, .velocity)
        clipRange = try configuration.clipRange(clipsByDefault: true)
        alphasCumprod = schedule.alphasCumprod
        finalAlpha = try configuration.fields.boolean("set_alpha_to_one", default: true) ? 1 : alphasCumprod[0]
        stride = schedule.trainTimesteps / steps
        let spacing = try configuration.fields.choice("timestep_spacing", default: TimestepSpacing.leading)
        indices = try schedule.indices(
            of: spacing.timesteps(steps: steps, of: schedule.trainTimesteps, offset: configuration.stepsOffset()))
        try schedule.checkSignal(at: indices, prediction: predictionType)
        timesteps = indices.map { Float($0) }
    }

    func step(_ prediction: [Float], step: Int, latents: [Float], random: inout TorchRandom) -> [Float] {
        // A step goes down by a fixed stride, not to the next timestep of the list.
        let previous = indices[step] - stride
        let alpha = alphasCumprod[indices[step]]
        let previousAlpha = previous >= 0 ? alphasCumprod[previous] : finalAlpha
        let signal = alpha.squareRoot()
        let noise = (1 - alpha).squareRoot()
        let previousSignal = previousAlpha.squareRoot()
        let previousNoise = (1 - previousAlpha).squareRoot()
        return elementwise(latents, prediction) { latent, predicted in
            let clean = predictionType.clean(latent, predicted: predicted, signal: signal, noise: noise)
            let epsilon = predictionType.epsilon(latent, predicted: predicted, signal: signal, noise: noise)
            return previousSignal * max(-clipRange, min(clean, clipRange)) + previousNoise * epsilon
        }
    }
}
