import Checkpoints
import TensorKernels

/// Edits pictures after an instruction (Brooks et al. 2023), stage by stage as diffusers'
/// `StableDiffusionInstructPix2PixPipeline` does.
///
/// Each stage reads its part of the model and lets go of it before the next, so that never two are in memory.
public final class InstructPix2Pix {
    public let model: ModelDirectory
    private let compute: Compute

    public init(model: ModelDirectory, compute: Compute) throws {
        self.model = model
        self.compute = compute
    }

    /// Makes one picture.
    ///
    /// - Parameters:
    ///   - observer: takes every stage's values, for comparisons with other implementations.
    ///   - progress: called before and between stages; what it throws ends the run and comes out of here.
    /// - Throws: `GenerationError` or `SamplerError` before any weights are read if the request cannot be met,
    ///   `CheckpointError` for weights that do not fit the configuration.
    public func generate(
        _ request: GenerationRequest, observer: ((StageValue) -> Void)? = nil,
        progress: (ProgressEvent) throws -> Void = { _ in }
    ) throws -> GenerationResult {
        try validate(request)
        let sampler = try makeSampler(kind: request.sampler, configuration: model.scheduler, steps: request.steps)
        var run = Run(observer: observer)
        // Each stage's memory goes back to the system before the next takes its own.
        try progress(.loading("text encoder"))
        let text = try encodeText(of: request, &run)
        compute.trim()
        try progress(.loading("image encoder"))
        let imageLatents = try encode(request.image, &run, progress)
        compute.trim()
        try progress(.loading("UNet"))
        let latents = try denoise(request, sampler, text, imageLatents, &run, progress)
        compute.trim()
        try progress(.loading("image decoder"))
        let image = try decode(latents, &run, progress)
        compute.trim()
        return GenerationResult(image: image, timings: run.timings)
    }

    /// What the stages of one run report to.
    private struct Run {
        let observer: ((StageValue) -> Void)?
        var timings = StageTimings()

        /// Reports an image or latents, `[1, height, width, channels]` here.
        func observe(_ name: String, _ image: Tensor) {
            let (height, width, channels) = (image.shape[1], image.shape[2], image.shape[3])
            observer?(
                StageValue(name: name, shape: [1, channels, height, width], values: image.channelsFirstValues))
        }

        /// Does something and adds the seconds that it took to one of the timings.
        mutating func timed<Result>(
            _ timing: WritableKeyPath<StageTimings, Double>, _ body: () throws -> Result
        ) rethrows -> Result {
            let (result, seconds) = try measured(body)
            timings[keyPath: timing] += seconds
            return result
        }
    }

    private func validate(_ request: GenerationRequest) throws {
        let (image, factor) = (request.image, model.vaeScaleFactor)
        let (width, height) = (image.width, image.height)
        guard 1...largestSide ~= width, 1...largestSide ~= height, image.rgb.count == 3 * width * height else {
            throw GenerationError.invalidRequest("\(image.rgb.count) values are no picture of \(width)x\(height)")
        }
        guard width % factor == 0, height % factor == 0 else {
            throw GenerationError.invalidRequest("the sides \(width)x\(height) are not multiples of \(factor)")
        }
        let smallest = factor * model.unet.smallestSide
        guard min(width, height) >= smallest else {
            throw GenerationError.invalidRequest("\(width)x\(height) is too small: the model needs \(smallest) pixels")
        }
        guard request.guidanceScale.isFinite, request.imageGuidanceScale.isFinite else {
            throw GenerationError.invalidRequest("a guidance scale is not a number")
        }
    }

    /// - Returns: `[texts, tokens, channels]`, the instruction and, if the guidance needs it, the negative one.
    private func encodeText(of request: GenerationRequest, _ run: inout Run) throws -> Tensor {
        let textModel = try run.timed(\.load) {
            try CLIPTextModel(model.weights(of: .textEncoder), model.textEncoder, compute: compute)
        }
        let texts = [request.instruction] + (request.guidance == .off ? [] : [request.negativeInstruction])
        let ids = texts.map { model.tokenizer.encode($0) }
        run.observer?(
            StageValue(name: "token_ids", shape: [ids.count, ids[0].count], values: ids.joined().map { Float($0) }))
        let embeddings = run.timed(\.text) { textModel(ids) }
        run.observer?(StageValue(name: "text", shape: embeddings.shape, values: embeddings.values))
        return embeddings
    }

    /// The mean of the picture's latents, `[1, height, width, channels]`, not scaled: the model was trained so.
    private func encode(
        _ image: PixelImage, _ run: inout Run, _ progress: (ProgressEvent) throws -> Void
    ) throws -> Tensor {
        let encoder = try run.timed(\.load) { try ImageEncoder(model.weights(of: .vae), model.vae, compute: compute) }
        try progress(.encoding)
        let latents = run.timed(\.encode) { encoder(image.tensor(on: compute)) }
        run.observe("image_latents", latents)
        try requireFinite(latents.values, stage: "image latents")
        return latents
    }

    /// - Returns: the latents of the picture made, in the shape of `imageLatents`.
    private func denoise(
        _ request: GenerationRequest, _ sampler: any Sampler, _ text: Tensor, _ imageLatents: Tensor,
        _ run: inout Run, _ progress: (ProgressEvent) throws -> Void
    ) throws -> Tensor {
        let unet = try run.timed(\.load) { try UNet(model.weights(of: .unet), model.unet, compute: compute) }
        var latents = imageLatents
        let steps = DenoisingSequence(
            unet: unet, text: TextContext(text), guidance: request.guidance, imageLatents: imageLatents,
            sampler: sampler, random: TorchRandom(seed: request.seed))
        try progress(.step(0, of: steps.count))
        for step in steps {
            latents = step.latents
            run.timings.steps.append(step.seconds)
            for branch in 0..<step.predictions.shape[0] {
                run.observe("branch.\(branch).\(step.index)", step.predictions.slice(branch..<branch + 1))
            }
            run.observe("latents.\(step.index)", latents)
            try requireFinite(latents.values, stage: "step \(step.index + 1)")
            try progress(.step(step.index + 1, of: steps.count))
        }
        return latents
    }

    private func decode(
        _ latents: Tensor, _ run: inout Run, _ progress: (ProgressEvent) throws -> Void
    ) throws -> PixelImage {
        let decoder = try run.timed(\.load) { try ImageDecoder(model.weights(of: .vae), model.vae, compute: compute) }
        try progress(.decoding)
        let scaled = compute.tensor(latents.values.map { $0 / model.vae.scalingFactor }, latents.shape)
        let output = run.timed(\.decode) { decoder(scaled) }
        run.observe("output", output)
        try requireFinite(output.values, stage: "decoding")
        return PixelImage(output)
    }

    private func requireFinite(_ values: [Float], stage: String) throws {
        guard values.allSatisfy(\.isFinite) else { throw GenerationError.notFinite(stage: stage) }
    }
}

/// Beyond it the number of a picture's values could overflow.
private let largestSide = 1 << 24

/// What `body` gives and the seconds that it takes.
func measured<Result>(_ body: () throws -> Result) rethrows -> (Result, Double) {
    let clock = ContinuousClock()
    let start = clock.now
    let result = try body()
    return (result, (clock.now - start) / .seconds(1))
}
