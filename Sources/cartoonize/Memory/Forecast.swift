import Files
import Foundation
import StableDiffusion
import TensorKernels

/// Predicts what pictures will take, in seconds and memory, and refuses those that do not fit. What was worked out for a
/// size is remembered.
final class Forecast {
    /// What one picture takes.
    struct Picture: Equatable, Sendable {
        /// nil if speed was not asked for.
        var stages: RunEstimate.Seconds?
        /// With reading the photo and writing the picture, the first one's also with starting the program.
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
    private let pictures: Int
    private let keepsParts: Bool
    private let compute: Compute
    private let timing: Timing
    /// Measured for the first picture.
    private var speed: MachineSpeed?
    private let tensorCapacity: Int
    /// What this process has and what it may still take, together; nil without a limit.
    private let available: Int?
    /// The virtual memory that is left for weights, tensors and pictures; nil without a limit.
    private let addresses: Int?
    /// Of this process before the model.
    private let ownBytes: Int
    private var known: [PixelSize: RunEstimate] = [:]
    /// Whether no picture was predicted yet.
    private var isFirst = true

    /// - Parameters:
    ///   - compute: where the pictures will be made.
    ///   - pictures: how many the run makes.
    ///   - timing: how seconds are predicted.
    ///   - available: what this process may still take; nil without a limit.
    init(
        model: ModelDirectory, settings: Settings, use: MemoryUse, compute: Compute, pictures: Int,
        timing: Timing, available: Int? = AvailableMemory().bytes
    ) {
        (self.model, self.settings, self.use) = (model, settings, use)
        (self.compute, self.timing) = (compute, timing)
        self.pictures = pictures
        keepsParts = pictures > 1 && use != .low
        addresses = VirtualMemory.left.map {
            $0 - VirtualMemoryBudget.ownBytes(threads: settings.threads) - compute.workingAddressBytes
        }
        tensorCapacity = addresses == nil ? compute.capacityBytes : .max
        let resident = ProcessStatus.residentBytes ?? 0
        ownBytes = resident + Self.libraryBytes
        self.available = available.map { $0 + resident }
    }

    /// Pages of the program and its libraries that the model is the first to use.
    private static let libraryBytes = 8 << 20
    /// What a picture takes beside the model, on one thread and little beside the model's time, so that it is not measured
    /// each time: starting the program and finding the model, and so many seconds a pixel.
    private static let startSeconds = 0.035
    private func secondsBeside(photo: PixelSize, working: PixelSize, output: PixelSize) -> Double {
        let (reading, drawing, writing, enlarging) = (8e-9, 2e-8, 2e-8, 4e-8)
        return (isFirst ? Self.startSeconds : 0) + reading * Double(photo.pixels) + drawing * Double(working.pixels)
            + (output == working ? writing : writing + enlarging) * Double(output.pixels)
    }

    /// - Parameters:
    ///   - sizes: worked at and written.
    ///   - photo: what is in memory beside the model.
    /// - Throws: a `CommandFailure` with the option that would make it fit, for a picture that does not.
    func picture(working: PixelSize, _ photo: PictureMemory) throws -> Picture {
        let estimate = try estimate(working)
        let overhead = secondsBeside(photo: photo.photo, working: working, output: photo.output)
        defer { isFirst = false }
        if keepsParts, fits(estimate, photo, .run) { return picture(estimate, photo, .run, overhead) }
        guard fits(estimate, photo, .stage), !keepsParts || use != .fast else {
            throw refusal(estimate, working, photo)
        }
        return picture(estimate, photo, .stage, overhead)
    }

    private func picture(
        _ estimate: RunEstimate, _ photo: PictureMemory, _ residency: InstructPix2Pix.Residency, _ overhead: Double
    ) -> Picture {
        let kept = estimate.keptTensorBytes(residency: residency, weightPages: weightPages(use))
        return Picture(
            stages: speed(for: estimate, keptTensorBytes: kept).map {
                estimate.seconds($0, keptTensorBytes: kept, usedBefore: isFirst ? 0 : kept)
            },
            overhead: overhead, operations: estimate.work.operations, peakBytes: peak(estimate, photo, residency, use),
            residency: residency, keptTensorBytes: kept,
            reservedBytes: estimate.reservedBytes)
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

    private func peak(
        _ estimate: RunEstimate, _ photo: PictureMemory, _ residency: InstructPix2Pix.Residency, _ use: MemoryUse
    ) -> Int {
        // In a batch, while the model works, the picture before is being written and the next photo read.
        ownBytes + photo.peak + (pictures > 1 ? photo.held + photo.reading : 0)
            + estimate.peakBytes(residency: residency, weightPages: weightPages(use))
    }

    private func weightPages(_ use: MemoryUse) -> Compute.WeightPages { use == .low ? .released : .kept }

    private func fits(
        _ estimate: RunEstimate, _ photo: PictureMemory, _ residency: InstructPix2Pix.Residency, use: MemoryUse? = nil
    ) -> Bool {
        estimate.tensorBytes <= tensorCapacity
            && peak(estimate, photo, residency, use ?? self.use) <= available ?? .max
            && addressBytes(estimate, photo, residency) <= addresses ?? .max
    }

    private func addressBytes(
        _ estimate: RunEstimate, _ photo: PictureMemory, _ residency: InstructPix2Pix.Residency
    ) -> Int {
        estimate.addressBytes(residency: residency) + VirtualMemoryBudget.bytes(of: photo.photo)
    }

    private func refusal(_ estimate: RunEstimate, _ size: PixelSize, _ photo: PictureMemory) -> any Error {
        let residency: InstructPix2Pix.Residency = keepsParts && use == .fast ? .run : .stage
        var needed = byteCountText(peak(estimate, photo, residency, use))
        var there = byteCountText(min(available ?? .max, tensorCapacity))
        let neededAddresses = addressBytes(estimate, photo, residency)
        if let addresses, neededAddresses > addresses {
            (needed, there) = ("\(byteCountText(neededAddresses)) of virtual memory", byteCountText(max(addresses, 0)))
        }
        return CommandFailure(
            .memory,
            "not enough memory: \(size) takes about \(needed), and \(there) can be had; \(advice(estimate, size, photo))"
        )
    }

    /// What would fit.
    private func advice(_ estimate: RunEstimate, _ size: PixelSize, _ photo: PictureMemory) -> String {
        let orModel = settings.modelName == defaultModelName ? "" : ", or the model \(defaultModelName)"
        if use == .fast, keepsParts, fits(estimate, photo, .stage) {
            return "give --memory auto, which takes \(byteCountText(peak(estimate, photo, .stage, .auto)))"
        }
        if use != .low, fits(estimate, photo, .stage, use: .low) {
            return "give --memory low, which takes \(byteCountText(peak(estimate, photo, .stage, .low)))\(orModel)"
        }
        for use in Set([use, .low]).sorted(by: { a, _ in a != .low }) {
            for smaller in size.smaller(factor: model.vaeScaleFactor, smallestSide: model.unet.smallestSide) {
                let small = PictureMemory(
                    photo: photo.photo, working: smaller, output: smaller, hasAlpha: photo.hasAlpha,
                    hasProfile: photo.hasProfile, isCompared: photo.isCompared)
                guard let estimate = try? self.estimate(smaller), fits(estimate, small, .stage, use: use) else {
                    continue
                }
                return "give --size \(smaller)\(use == self.use ? "" : " --memory \(use.rawValue)")\(orModel)"
            }
        }
        let other = orModel.isEmpty ? "there is no size that would fit" : "take the model \(defaultModelName)"
        return addresses == nil ? other : "\(orModel.isEmpty ? "" : "\(other), or ")raise the limit (ulimit -v)"
    }
}

extension PixelSize {
    /// Sizes of about the same form, the largest first.
    fileprivate func smaller(factor: Int, smallestSide: Int) -> [PixelSize] {
        [0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125].map { scale in
            func side(_ n: Int) -> Int {
                let whole = Int(Double(n) * scale)
                return max(whole / 64 * 64, min(64, n) / factor * factor, smallestSide * factor)
            }
            return PixelSize(width: side(width), height: side(height))
        }
    }
}
