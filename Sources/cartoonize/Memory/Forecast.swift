import Foundation
import StableDiffusion
import TensorKernels

/// Predicts what images will take, in seconds and memory, and refuses those that do not fit. What was worked out for a
/// size is remembered.
final class Forecast {
    /// What one image takes.
    struct Picture: Equatable, Sendable {
        /// nil if speed was not asked for.
        var stages: RunEstimate.Seconds?
        /// With reading the photo and writing the image, the first one's also with starting the program.
        var seconds: Double? { stages.map { $0.total + overhead } }
        fileprivate var overhead = 0.0
        /// Floating-point operations of its matrix products and attention.
        var operations: Double
        /// The process's resident memory at its highest, the weights' mapped pages included.
        var peakBytes: Int
        /// How the model's parts are held to take no more.
        var residency: InstructPix2Pix.Residency
        /// The memory of tensors that stays between stages.
        var keptTensorBytes: Int
        /// The room for tensors to reserve where virtual memory is limited.
        var reservedBytes: Int

        var summary: String { Forecast.summary(seconds: seconds, peakBytes: peakBytes) }
    }

    /// How seconds are predicted.
    enum Timing {
        case none
        /// For a run that follows, of whose time it may take little.
        case beforeRun
        case alone
    }

    /// As `about 0:45 and 2.1 GB`.
    static func summary(seconds: Double?, peakBytes: Int) -> String {
        let memory = byteCountText(peakBytes)
        guard let seconds else { return "about \(memory)" }
        return
            "about \(seconds < 10 ? String(format: "%.1f s", seconds) : ProgressDisplay.clock(.seconds(seconds)))"
            + " and \(memory)"
    }

    private let model: ModelDirectory
    private let settings: Settings
    private let use: MemoryUse
    /// Whether the model's parts are to stay in memory for all images.
    private let keepsParts: Bool
    private let limits: MemoryLimits
    private let compute: Compute
    private let timing: Timing
    /// Measured for the first image.
    private var speed: MachineSpeed?
    private var known: [PixelSize: RunEstimate] = [:]
    /// Whether no image was predicted yet.
    private var isFirst = true

    /// - Parameters:
    ///   - compute: where the images will be made.
    ///   - images: how many the run makes.
    ///   - timing: how seconds are predicted.
    ///   - available: what this process may still take; nil without a limit.
    init(
        model: ModelDirectory, settings: Settings, use: MemoryUse, compute: Compute, pictures: Int,
        timing: Timing, available: Int? = AvailableMemory().bytes
    ) {
        (self.model, self.settings, self.use) = (model, settings, use)
        (self.compute, self.timing) = (compute, timing)
        keepsParts = pictures > 1 && use != .low
        limits = MemoryLimits(
            compute: compute, threads: settings.threads, isBatch: pictures > 1, available: available)
    }

    /// - Parameter photo: what is in memory beside the model.
    /// - Throws: a `CommandFailure` with the option that would make it fit, for an image that does not.
    func picture(_ photo: PictureMemory) throws -> Picture {
        let estimate = try estimate(photo.working)
        let overhead = secondsBeside(photo)
        defer { isFirst = false }
        let residencies: [InstructPix2Pix.Residency] = !keepsParts ? [.stage] : use == .fast ? [.run] : [.run, .stage]
        let needs = residencies.map { MemoryNeed(estimate: estimate, photo: photo, residency: $0, use: use) }
        guard let need = needs.first(where: limits.fit) else {
            throw MemoryAdvice(
                limits: limits, model: model, modelName: settings.modelName, keepsParts: keepsParts,
                estimate: self.estimate
            ).refusal(needs[needs.count - 1])
        }
        let kept = need.keptTensorBytes
        return Picture(
            stages: speed(for: estimate, keptTensorBytes: kept).map {
                estimate.seconds($0, keptTensorBytes: kept, usedBefore: isFirst ? 0 : kept)
            },
            overhead: overhead, operations: estimate.work.operations, peakBytes: limits.peakBytes(need),
            residency: need.residency, keptTensorBytes: kept, reservedBytes: estimate.reservedBytes)
    }

    /// What an image takes beside the model, on one thread and little beside the model's time, so that it is not measured
    /// each time: starting the program and finding the model, and so many seconds per pixel.
    private func secondsBeside(_ photo: PictureMemory) -> Double {
        let (starting, reading, drawing, writing, enlarging) = (0.035, 8e-9, 2e-8, 2e-8, 4e-8)
        return (isFirst ? starting : 0) + reading * Double(photo.photo.pixels)
            + drawing * Double(photo.working.pixels)
            + (photo.output == photo.working ? writing : writing + enlarging) * Double(photo.output.pixels)
    }

    private func speed(for estimate: RunEstimate, keptTensorBytes: Int) -> MachineSpeed? {
        guard timing != .none, speed == nil else { return speed }
        speed = MachineSpeed(
            compute, for: estimate.work, tensorBytes: estimate.tensorBytes, least: timing == .alone ? 0.05 : 0.005)
        compute.trim(keeping: keptTensorBytes)
        return speed
    }

    private func estimate(_ size: PixelSize) throws -> RunEstimate {
        if let estimate = known[size] { return estimate }
        let estimate = try RunEstimate(
            model: model, width: size.width, height: size.height, settings: settings.generation,
            threads: settings.threads)
        known[size] = estimate
        return estimate
    }
}
