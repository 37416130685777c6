import TensorKernels

/// The denoising loop as a sequence: each element is one evaluation of the model, and leaving the loop stops it.
struct DenoisingSequence: Sequence, IteratorProtocol {
    /// One evaluation's outcome.
    struct Step {
        let index: Int
        /// One for each of the guidance's conditions, `[conditions, height, width, channels]`.
        let predictions: Tensor
        /// What the sampler took the step with, and the latents that it was made for as the model saw them; in PyTorch's
        /// order.
        let guided: [Float]
        let input: [Float]
        let timestep: Float
        /// `[1, height, width, channels]`
        let latents: Tensor
        let seconds: Double
    }

    /// The number of evaluations.
    var count: Int { sampler.timesteps.count }

    private let unet: UNet
    private let text: TextContext
    private let guidance: Guidance
    private let imageLatents: Tensor
    private var sampler: any Sampler
    private var random: TorchRandom
    /// In PyTorch's order `[1, channels, height, width]`, as are the random numbers.
    private var latents: [Float]
    private var index = 0

    /// - Parameters:
    ///   - text: the instruction and, if the guidance needs it, the negative prompt.
    ///   - imageLatents: `[1, height, width, channels]`
    ///   - random: drawn from for the first latents, then by the sampler.
    init(
        unet: UNet, text: TextContext, guidance: Guidance, imageLatents: Tensor, sampler: any Sampler,
        random: TorchRandom
    ) {
        self.unet = unet
        self.text = text
        self.guidance = guidance
        self.imageLatents = imageLatents
        self.sampler = sampler
        self.random = random
        let scale = sampler.initialNoiseScale
        latents = self.random.normal(count: imageLatents.count)
        for i in latents.indices { latents[i] *= scale }
    }

    mutating func next() -> Step? {
        guard index < count else { return nil }
        defer { index += 1 }
        let start = ContinuousClock.now
        let (input, timestep) = (sampler.scaleModelInput(latents, step: index), sampler.timesteps[index])
        let predictions = unet(inputs(input), timestep: timestep, text: text, branches: guidance.branches)
        let branches = (0..<predictions.shape[0]).map { predictions.slice($0..<$0 + 1).channelsFirstValues }
        let guided = guidance.combine(branches)
        latents = sampler.step(guided, step: index, latents: latents, random: &random)
        return Step(
            index: index, predictions: predictions, guided: guided, input: input, timestep: timestep,
            latents: tensor(latents), seconds: start.duration(to: .now) / .seconds(1))
    }

    /// The UNet's distinct inputs: the latents beside the image's and, if the guidance asks for it, beside zeros.
    private func inputs(_ latents: [Float]) -> Tensor {
        let noise = tensor(latents)
        let withImage = noise.concatenatingChannels(imageLatents)
        guard guidance.conditions.contains(.none) else { return withImage }
        let zeros = imageLatents.compute.zeros(imageLatents.shape)
        return Tensor.stacked([withImage, noise.concatenatingChannels(zeros)])
    }

    private func tensor(_ latents: [Float]) -> Tensor {
        let (height, width, channels) = (imageLatents.shape[1], imageLatents.shape[2], imageLatents.shape[3])
        return imageLatents.compute.tensor(channelsFirst: latents, [1, channels, height, width])
    }
}
