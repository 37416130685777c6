import Checkpoints
import Foundation
import TensorKernels

/// What an image will take, by a shape-only dry run of the model's own code.
public struct RunEstimate: Equatable, Sendable {
    /// One stage of a run.
    public struct Stage: Equatable, Sendable {
        /// The work that is done once.
        var work = Work()
        /// That of all passes after it, and how many they are.
        var repeated = Work()
        var repetitions = 0
        /// Activations and working memory at their highest.
        public internal(set) var tensorBytes = 0
        /// The weights: those in the mapped file, those that had to be copied, and the largest one.
        var mappedBytes = 0
        var copiedBytes = 0
        var largestWeight = 0
        /// What of the mapped ones is in no file: sums of weights and LoRAs.
        var summedBytes = 0
        /// The virtual memory that the weights' files take.
        var fileBytes = 0
    }

    /// Text encoder, image encoder, UNet, image decoder; and the safety checker where there is one.
    public let stages: [Stage]
    /// The image's pixels and what is made of them beside the model.
    private let pixels: Int

    /// - Parameters:
    ///   - model: whose configuration and headers are read, not its weights.
    ///   - width: of the image worked at, a multiple of the model's factor, as is `height`.
    ///   - height: a multiple of the same factor.
    ///   - settings: of the run.
    ///   - threads: that the run will use.
    /// - Throws: what loading the model's parts throws.
    public init(
        model: ModelDirectory, width: Int, height: Int, settings: GenerationSettings, threads: Int
    ) throws {
        let factor = model.vaeScaleFactor
        let (latentWidth, latentHeight) = (width / factor, height / factor)
        let guidance = settings.guidance
        let evaluations = settings.shortcuts.evaluations(
            try settings.sampler.makeSampler(model.scheduler, steps: settings.steps).timesteps.count,
            isGuided: guidance != .off)
        let texts = guidance == .off ? 1 : 2

        let kernels = try KernelSet.chosen(settings.precision)
        func planner() -> Compute { .planner(threads: threads, kernels: kernels) }
        let text = try Stage(fileBytes: model.fileBytes(of: .textEncoder), on: planner) { compute in
            let encoder = try CLIPTextModel(model.weights(of: .textEncoder), model.textEncoder, compute: compute)
            _ = encoder([[Int]](repeating: model.tokenizer.encode(""), count: texts))
        }
        let encode = try Stage(fileBytes: model.fileBytes(of: .vae), on: planner) { compute in
            let encoder = try ImageEncoder(model.weights(of: .vae), model.vae, compute: compute)
            _ = encoder(compute.zeros([1, height, width, model.vae.inChannels]))
        }
        var (once, repeated) = (Work(), Work())
        var denoise = try Stage(fileBytes: model.fileBytes(of: .unet), on: planner) { compute in
            let unet = try UNet(model.weights(of: .unet), model.unet, compute: compute)
            let context = TextContext(
                compute.zeros([texts, model.textEncoder.maxPositionEmbeddings, model.unet.crossAttentionDim]))
            let inner = evaluations.allSatisfy(\.isWhole) ? nil : InnerFeatures()
            /// The work of an evaluation.
            func work(of evaluation: Shortcuts.Evaluation) -> Work {
                let guidance = evaluation.guidance == .fresh ? guidance : .off
                let inputs = guidance.conditions.contains(.none) ? 2 : 1
                let samples = compute.zeros([inputs, latentHeight, latentWidth, model.unet.inChannels])
                let before = compute.planned.work
                inner?.isWhole = evaluation.isWhole
                _ = unet(samples, timestep: 0, text: context, branches: guidance.branches, inner: inner)
                return compute.planned.work - before
            }
            // What all evaluations share is worked out in the first; of those after it each kind is run once here.
            once = work(of: evaluations[0])
            var works: [Shortcuts.Evaluation: Work] = [:]
            for evaluation in evaluations.dropFirst() {
                let known = works[evaluation] ?? work(of: evaluation)
                works[evaluation] = known
                repeated = repeated + known
            }
        }
        (denoise.work, denoise.repeated, denoise.repetitions) = (once, repeated, evaluations.count - 1)
        let decode = try Stage(fileBytes: model.fileBytes(of: .vae), on: planner) { compute in
            let decoder = try ImageDecoder(model.weights(of: .vae), model.vae, compute: compute)
            _ = decoder(compute.zeros([1, latentHeight, latentWidth, model.vae.latentChannels]))
        }
        let check = try model.safetyFolder.map { folder in
            try Stage(fileBytes: SafetyChecker.fileBytes(in: folder), on: planner) { compute in
                try SafetyChecker(model: folder, compute: compute).plan()
            }
        }
        stages = [text, encode, denoise, decode] + [check].compactMap { $0 }
        pixels = width * height
    }

    /// Seconds of an image's stages.
    public struct Seconds: Equatable, Sendable {
        /// Encoding the instruction.
        public let text: Double
        /// Encoding the input photo.
        public let encode: Double
        /// One evaluation of the UNet: the mean of those after the first.
        public let step: Double
        /// All evaluations of the UNet.
        public let allSteps: Double
        /// Decoding the latents.
        public let decode: Double
        /// Looking at the image with the safety checker; 0 where there is none.
        public let safety: Double

        /// All stages together.
        public var total: Double { text + encode + allSteps + decode + safety }
    }

    /// All that is to be done.
    public var work: Work { stages.reduce(Work()) { $0 + $1.work + $1.repeated } }

    /// - Parameters:
    ///   - speed: what one unit of each kind of work takes here.
    ///   - keptTensorBytes: what of the tensors' memory stays between stages.
    ///   - usedBefore: what of it images before this one have left.
    public func seconds(_ speed: MachineSpeed, keptTensorBytes: Int, usedBefore: Int = 0) -> Seconds {
        var touched = usedBefore
        let all = stages.map { stage in
            var work = stage.work + stage.repeated
            work.touched = Double(max(0, stage.tensorBytes - touched))
            touched = min(max(touched, stage.tensorBytes), keptTensorBytes)
            return speed.seconds(for: work)
        }
        let (first, rest) = (speed.seconds(for: stages[2].work), speed.seconds(for: stages[2].repeated))
        let step = stages[2].repetitions == 0 ? first : rest / Double(stages[2].repetitions)
        return Seconds(
            text: all[0], encode: all[1], step: step, allSteps: all[2], decode: all[3],
            safety: all.count > 4 ? all[4] : 0)
    }

    /// The most memory that model and tensors take at one time, the weights' mapped pages included.
    public func peakBytes(residency: InstructPix2Pix.Residency, weightPages: Compute.WeightPages) -> Int {
        let weights = weightBytes(residency, weightPages)
        // The image's values on their way to and from 8 bits.
        return zip(weights, stages).reduce(0) { max($0, $1.0 + $1.1.tensorBytes) } + 8 * pixels
    }

    /// How much of the tensors' memory can stay between stages, and images of this size, without a higher peak.
    public func keptTensorBytes(residency: InstructPix2Pix.Residency, weightPages: Compute.WeightPages) -> Int {
        let peak = peakBytes(residency: residency, weightPages: weightPages) - 8 * pixels
        return peak - (weightBytes(residency, weightPages).max() ?? 0)
    }

    /// What each stage has of weights in memory.
    private func weightBytes(
        _ residency: InstructPix2Pix.Residency, _ weightPages: Compute.WeightPages
    ) -> [Int] {
        var earlier = 0
        return stages.map { stage in
            // Released weights are there one at a time, with the pages that the system maps around those that are read.
            let mapped =
                weightPages == .kept ? stage.mappedBytes : min(stage.mappedBytes, stage.largestWeight + (8 << 20))
            let bytes = earlier + mapped + stage.copiedBytes
            if residency == .run { earlier = bytes }
            return bytes
        }
    }

    /// The virtual memory that model and tensors take, where room for the tensors is reserved once for all stages.
    public func virtualBytes(residency: InstructPix2Pix.Residency) -> Int {
        let weights =
            switch residency {
            case .stage: stages.map { $0.fileBytes + $0.copiedBytes + $0.summedBytes }.max() ?? 0
            // Both halves of the autoencoder lie in the same files.
            case .run: stages.reduce(-stages[3].fileBytes) { $0 + $1.copiedBytes + $1.summedBytes + $1.fileBytes }
            }
        // The image's values on their way to and from 8 bits, and while it is written.
        return weights + reservedBytes + 40 * pixels
    }

    /// The room to reserve for tensors: biases and norms, and the latents on their way, are there beside those of a stage.
    public var reservedBytes: Int { tensorBytes + tensorBytes / 8 + (16 << 20) }

    /// The most that tensors take at one time.
    public var tensorBytes: Int { stages.map(\.tensorBytes).max() ?? 0 }
}

extension RunEstimate.Stage {
    /// - Parameters:
    ///   - fileBytes: of the weights that the stage takes.
    ///   - planner: makes a new one.
    ///   - body: runs the stage on a planner.
    fileprivate init(fileBytes: Int, on planner: () -> Compute, _ body: (Compute) throws -> Void) throws {
        self.fileBytes = fileBytes
        let planner = planner()
        try body(planner)
        let planned = planner.planned
        (work, mappedBytes, copiedBytes, largestWeight, summedBytes) = (
            planned.work, planned.mappedBytes, planned.copiedBytes, planned.largestWeight, planned.summedBytes
        )
        tensorBytes = planner.peakBytes
    }
}
