import Checkpoints
import Foundation
import TensorKernels

/// Edits images after an instruction (Brooks et al. 2023), stage by stage as diffusers'
/// `StableDiffusionInstructPix2PixPipeline` does.
///
/// Each stage reads its part of the model and, unless parts are kept for more images, releases it before the next, so
/// that never two are in memory.
public final class InstructPix2Pix {
    /// How long a part that was read stays.
    public enum Residency: Sendable {
        /// For its stage of one image.
        case stage
        /// For all images to come, with the embeddings of the last texts.
        case run
    }

    /// The model whose weights the stages read.
    public let model: ModelDirectory
    private let compute: Compute
    /// Parts that are in memory when they are no longer to stay are released.
    public var residency: Residency {
        didSet { if residency == .stage { kept = Kept() } }
    }
    private var kept = Kept()
    /// The memory of tensors that stays between stages and images, as `RunEstimate` gives it: pages that the system need
    /// not clear again.
    public var keptTensorBytes = 0

    /// What stays between images.
    private struct Kept {
        var texts: [String] = []
        var embeddings: Tensor?
        var encoder: ImageEncoder?
        var unet: UNet?
        var decoder: ImageDecoder?
        var previewDecoder: ImageDecoder?
        var safetyChecker: SafetyChecker?
    }

    /// A pipeline that has read no weights yet.
    public init(model: ModelDirectory, compute: Compute, residency: Residency = .stage) throws {
        self.model = model
        self.compute = compute
        self.residency = residency
    }

    /// Makes one image.
    ///
    /// - Parameters:
    ///   - request: the photo at its working size, and the settings.
    ///   - observer: takes every stage's values, for comparisons with other implementations.
    ///   - preview: takes approximate images on the way.
    ///   - progress: called before and between stages; what it throws ends the run and comes out of here.
    /// - Throws: `GenerationError` or `SamplerError` before any weights are read if the request cannot be met,
    ///   `CheckpointError` for weights that do not fit the configuration.
    public func generate(
        _ request: GenerationRequest, observer: ((StageValue) -> Void)? = nil, preview: Preview? = nil,
        progress: (ProgressEvent) throws -> Void = { _ in }
    ) throws -> GenerationResult {
        try validate(request)
        let sampler = try request.settings.sampler.makeSampler(model.scheduler, steps: request.settings.steps)
        var run = Run(observer: observer)
        // Each stage's memory goes back to the system before the next takes its own.
        func trim() { compute.trim(keeping: keptTensorBytes) }
        let text = try encodeText(of: request, &run, progress)
        trim()
        let imageLatents = try encode(request.image, &run, progress)
        trim()
        let latents = try denoise(request, sampler, text, imageLatents, &run, preview, progress)
        trim()
        let image = try decode(latents, &run, progress)
        trim()
        let safety = try model.safetyFolder.map { try check(image, $0, &run, progress) }
        if safety != nil { trim() }
        // An image of weights that were overwritten meanwhile is one of no model.
        try model.requireUnchanged()
        return GenerationResult(image: image, safety: safety, timings: run.timings)
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
            throw GenerationError.invalidRequest("\(image.rgb.count) values are not an image of \(width)x\(height)")
        }
        guard width % factor == 0, height % factor == 0 else {
            throw GenerationError.invalidRequest("the sides \(width)x\(height) are not multiples of \(factor)")
        }
        let smallest = factor * model.unet.smallestSide
        guard min(width, height) >= smallest else {
            throw GenerationError.invalidRequest("\(width)x\(height) is too small: the model needs \(smallest) pixels")
        }
        guard request.settings.guidanceScale.isFinite, request.settings.imageGuidanceScale.isFinite else {
            throw GenerationError.invalidRequest("a guidance scale is not a number")
        }
    }

    /// A part of the model: the one that was kept, or else read now.
    ///
    /// - Parameter name: for people.
    private func part<Part>(
        _ keptPart: WritableKeyPath<Kept, Part?>, _ name: String, _ run: inout Run,
        _ progress: (ProgressEvent) throws -> Void, read: () throws -> Part
    ) throws -> Part {
        if let part = kept[keyPath: keptPart] { return part }
        try progress(.loading(name))
        let part = try run.timed(\.load, read)
        if residency == .run { kept[keyPath: keptPart] = part }
        return part
    }

    /// - Returns: `[texts, tokens, channels]`, the instruction and, if the guidance needs it, the negative prompt.
    private func encodeText(
        of request: GenerationRequest, _ run: inout Run, _ progress: (ProgressEvent) throws -> Void
    ) throws -> Tensor {
        let texts = request.settings.encodedTexts
        if texts == kept.texts, let embeddings = kept.embeddings { return embeddings }
        try progress(.loading("text encoder"))
        let textModel = try run.timed(\.load) {
            try CLIPTextModel(
                model.weights(of: .textEncoder), model.textEncoder,
                addedVectors: model.embeddings.flatMap(\.vectors), compute: compute)
        }
        let ids = texts.map { model.tokenizer.encode($0) }
        run.observer?(
            StageValue(name: "token_ids", shape: [ids.count, ids[0].count], values: ids.joined().map { Float($0) }))
        let embeddings = run.timed(\.text) { textModel(ids) }
        run.observer?(StageValue(name: "text", shape: embeddings.shape, values: embeddings.values))
        if residency == .run { (kept.texts, kept.embeddings) = (texts, embeddings) }
        return embeddings
    }

    /// The mean of the image's latents, `[1, height, width, channels]`, not scaled: the model was trained so.
    private func encode(
        _ image: PixelImage, _ run: inout Run, _ progress: (ProgressEvent) throws -> Void
    ) throws -> Tensor {
        let encoder = try part(\.encoder, "image encoder", &run, progress) {
            try ImageEncoder(model.weights(of: .vae), model.vae, compute: compute)
        }
        try progress(.encoding)
        let latents = run.timed(\.encode) { encoder(image.tensor(on: compute)) }
        run.observe("image_latents", latents)
        try requireFinite(latents, stage: "image latents")
        return latents
    }

    /// - Returns: the latents of the image made, in the shape of `imageLatents`.
    private func denoise(
        _ request: GenerationRequest, _ sampler: any Sampler, _ text: Tensor, _ imageLatents: Tensor,
        _ run: inout Run, _ preview: Preview?, _ progress: (ProgressEvent) throws -> Void
    ) throws -> Tensor {
        let unet = try part(\.unet, "UNet", &run, progress) {
            try UNet(model.weights(of: .unet), model.unet, compute: compute)
        }
        let previewMaker = try preview.map { _ in try self.previewMaker(request, imageLatents, &run, progress) }
        var latents = imageLatents
        let steps = DenoisingSequence(
            unet: unet, text: TextContext(text), guidance: request.settings.guidance, imageLatents: imageLatents,
            sampler: sampler, random: TorchRandom(seed: request.seed))
        try progress(.step(0, of: steps.count))
        for step in steps {
            latents = step.latents
            run.timings.steps.append(step.seconds)
            for branch in 0..<step.predictions.shape[0] {
                run.observe("branch.\(branch).\(step.index)", step.predictions.slice(branch..<branch + 1))
            }
            run.observe("latents.\(step.index)", latents)
            try requireFinite(latents, stage: "step \(step.index + 1)")
            if let preview, let previewMaker, (step.index + 1) % preview.interval == 0 {
                try preview.show(
                    step.index + 1,
                    previewMaker.picture(prediction: step.guided, input: step.input, timestep: step.timestep))
            }
            try progress(.step(step.index + 1, of: steps.count))
        }
        return latents
    }

    private func previewMaker(
        _ request: GenerationRequest, _ imageLatents: Tensor, _ run: inout Run,
        _ progress: (ProgressEvent) throws -> Void
    ) throws -> PreviewMaker {
        guard let tiny = model.previewAutoencoder else {
            return try PreviewMaker(
                imageLatents: imageLatents, image: request.image, schedule: model.scheduler,
                steps: request.settings.steps,
                scalingFactor: model.vae.scalingFactor)
        }
        let decoder = try part(\.previewDecoder, "preview decoder", &run, progress) {
            try ImageDecoder(model.previewWeights(), .tiny(tiny), compute: compute)
        }
        return try PreviewMaker(
            decoder: decoder, imageLatents: imageLatents, schedule: model.scheduler, steps: request.settings.steps,
            scalingFactor: tiny.scalingFactor)
    }

    private func decode(
        _ latents: Tensor, _ run: inout Run, _ progress: (ProgressEvent) throws -> Void
    ) throws -> PixelImage {
        let decoder = try part(\.decoder, "image decoder", &run, progress) {
            try ImageDecoder(model.weights(of: .vae), model.vae, compute: compute)
        }
        try progress(.decoding)
        let scalingFactor = model.vae.scalingFactor
        let output = run.timed(\.decode) { decoder(latents.mapped { $0 / scalingFactor }) }
        run.observe("output", output)
        try requireFinite(output, stage: "decoding")
        return PixelImage(output)
    }

    /// - Parameter folder: the model's.
    private func check(
        _ image: PixelImage, _ folder: URL, _ run: inout Run, _ progress: (ProgressEvent) throws -> Void
    ) throws -> SafetyScores {
        let checker = try part(\.safetyChecker, "safety checker", &run, progress) {
            try SafetyChecker(model: folder, compute: compute)
        }
        try progress(.checking)
        let scores = run.timed(\.safety) { checker(image) }
        for (name, values) in [("concepts", scores.concepts), ("special", scores.special)] {
            run.observer?(StageValue(name: "safety.\(name)", shape: [values.count], values: values))
        }
        guard (scores.concepts + scores.special).allSatisfy(\.isFinite) else {
            throw GenerationError.notFinite(stage: "safety checker")
        }
        return scores
    }

    private func requireFinite(_ values: Tensor, stage: String) throws {
        guard values.isFinite else { throw GenerationError.notFinite(stage: stage) }
    }
}

/// Beyond it the number of an image's values could overflow.
private let largestSide = 1 << 24

/// What `body` gives and the seconds that it takes.
func measured<Result>(_ body: () throws -> Result) rethrows -> (Result, Double) {
    let clock = ContinuousClock()
    let start = clock.now
    let result = try body()
    return (result, (clock.now - start) / .seconds(1))
}
