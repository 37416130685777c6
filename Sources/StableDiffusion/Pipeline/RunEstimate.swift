import Checkpoints
import Foundation
import TensorKernels

/// What a picture will take, worked out by running the model's own code on addresses instead of memory.
public struct RunEstimate: Equatable, Sendable {
    /// One stage of a run.
    public struct Stage: Equatable, Sendable {
        /// All of its work, but for the repetitions of the last pass.
        var work = Work()
        var lastPass = Work()
        var repetitions = 0
        /// Activations and working memory at their highest.
        public internal(set) var tensorBytes = 0
        /// The weights: those in the mapped file, those that had to be copied, and the largest one.
        var mappedBytes = 0
        var copiedBytes = 0
        var largestWeight = 0
        /// What of the mapped ones is in no file: sums of weights and LoRAs.
        var summedBytes = 0
        /// The addresses that the weights' files take.
        var fileBytes = 0
    }

    /// Text encoder, image encoder, UNet, image decoder; and the safety checker where there is one.
    public let stages: [Stage]
    /// The picture's pixels and what is made of them beside the model.
    private let pixels: Int

    /// - Parameters:
    ///   - model: whose configuration and headers are read, not its weights.
    ///   - width: of the picture worked at, a multiple of the model's factor, as is `height`.
    ///   - height: a multiple of the same factor.
    ///   - settings: of the run.
    ///   - threads: that the run will use.
    /// - Throws: what loading the model's parts throws.
    public init(
        model: ModelDirectory, width: Int, height: Int, settings: GenerationSettings, threads: Int
    ) throws {
        let factor = model.vaeScaleFactor
        let (latentWidth, latentHeight) = (width / factor, height / factor)
        let evaluations = try settings.sampler.makeSampler(model.scheduler, steps: settings.steps).timesteps.count
        let guidance = settings.guidance
        let texts = guidance == .off ? 1 : 2

        let kernels = try KernelSet.chosen(settings.precision)
        func planner() -> Compute { .planner(threads: threads, kernels: kernels) }
        let text = try Stage(fileBytes: model.fileBytes(of: .textEncoder), on: planner) { compute in
            let encoder = try CLIPTextModel(model.weights(of: .textEncoder), model.textEncoder, compute: compute)
            _ = encoder([[Int]](repeating: model.tokenizer.encode(""), count: texts))
            return nil
        }
        let encode = try Stage(fileBytes: model.fileBytes(of: .vae), on: planner) { compute in
            let encoder = try ImageEncoder(model.weights(of: .vae), model.vae, compute: compute)
            _ = encoder(compute.zeros([1, height, width, model.vae.inChannels]))
            return nil
        }
        var denoise = try Stage(fileBytes: model.fileBytes(of: .unet), on: planner) { compute in
            let unet = try UNet(model.weights(of: .unet), model.unet, compute: compute)
            let context = TextContext(
                compute.zeros([texts, model.textEncoder.maxPositionEmbeddings, model.unet.crossAttentionDim]))
            let inputs = guidance.conditions.contains(.none) ? 2 : 1
            let samples = compute.zeros([inputs, latentHeight, latentWidth, model.unet.inChannels])
            // What all steps share is worked out in the first.
            var passes: [Work] = []
            for _ in 0..<2 {
                let before = compute.planned.work
                _ = unet(samples, timestep: 0, text: context, branches: guidance.branches)
                passes.append(compute.planned.work - before)
            }
            return passes[1]
        }
        denoise.repetitions = evaluations - 2
        let decode = try Stage(fileBytes: model.fileBytes(of: .vae), on: planner) { compute in
            let decoder = try ImageDecoder(model.weights(of: .vae), model.vae, compute: compute)
            _ = decoder(compute.zeros([1, latentHeight, latentWidth, model.vae.latentChannels]))
            return nil
        }
        let check = try model.safetyFolder.map { folder in
            try Stage(fileBytes: SafetyChecker.fileBytes(in: folder), on: planner) { compute in
                try SafetyChecker(model: folder, compute: compute).plan()
                return nil
            }
        }
        stages = [text, encode, denoise, decode] + [check].compactMap { $0 }
        pixels = width * height
    }

    /// Seconds of a picture's stages.
    public struct Seconds: Equatable, Sendable {
        /// Encoding the instruction.
        public let text: Double
        /// Encoding the input photo.
        public let encode: Double
        /// One evaluation of the UNet, after the first.
        public let step: Double
        /// All evaluations of the UNet.
        public let allSteps: Double
        /// Decoding the latents.
        public let decode: Double
        /// Looking at the picture with the safety checker; 0 where there is none.
        public let safety: Double

        /// All stages together.
        public var total: Double { text + encode + allSteps + decode + safety }
    }

    /// All that is to be done.
    public var work: Work { stages.reduce(Work()) { $0 + $1.work + $1.lastPass * $1.repetitions } }

    /// - Parameters:
    ///   - speed: what one unit of each kind of work takes here.
    ///   - keptTensorBytes: what of the tensors' memory stays between stages.
    ///   - usedBefore: what of it pictures before this one have left.
    public func seconds(_ speed: MachineSpeed, keptTensorBytes: Int, usedBefore: Int = 0) -> Seconds {
        var touched = usedBefore
        let all = stages.map { stage in
            var work = stage.work + stage.lastPass * stage.repetitions
            work.touched = Double(max(0, stage.tensorBytes - touched))
            touched = min(max(touched, stage.tensorBytes), keptTensorBytes)
            return speed.seconds(for: work)
        }
        return Seconds(
            text: all[0], encode: all[1], step: speed.seconds(for: stages[2].lastPass), allSteps: all[2],
            decode: all[3], safety: all.count > 4 ? all[4] : 0)
    }

    /// The most memory that model and tensors take at one time, the weights' mapped pages included.
    public func peakBytes(residency: InstructPix2Pix.Residency, weightPages: Compute.WeightPages) -> Int {
        let weights = weightBytes(residency, weightPages)
        // The picture's values on their way to and from 8 bits.
        return zip(weights, stages).reduce(0) { max($0, $1.0 + $1.1.tensorBytes) } + 8 * pixels
    }

    /// How much of the tensors' memory can stay between stages, and pictures of this size, without a higher peak.
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

    /// The addresses that model and tensors take, where room for the tensors is reserved once for all stages.
    public func addressBytes(residency: InstructPix2Pix.Residency) -> Int {
        let weights =
            switch residency {
            case .stage: stages.map { $0.fileBytes + $0.copiedBytes + $0.summedBytes }.max() ?? 0
            // Both halves of the autoencoder lie in the same files.
            case .run: stages.reduce(-stages[3].fileBytes) { $0 + $1.copiedBytes + $1.summedBytes + $1.fileBytes }
            }
        // The picture's values on their way to and from 8 bits, and while it is written.
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
    ///   - body: runs the stage on a planner; returns the work of its last pass, if that is repeated.
    fileprivate init(fileBytes: Int, on planner: () -> Compute, _ body: (Compute) throws -> Work?) throws {
        self.fileBytes = fileBytes
        let planner = planner()
        lastPass = try body(planner) ?? Work()
        let planned = planner.planned
        (work, mappedBytes, copiedBytes, largestWeight, summedBytes) = (
            planned.work, planned.mappedBytes, planned.copiedBytes, planned.largestWeight, planned.summedBytes
        )
        tensorBytes = planner.peakBytes
    }
}
