import StableDiffusion

/// What to change so that an image fits that does not.
struct MemoryAdvice {
    let limits: MemoryLimits
    let model: ModelDirectory
    let modelName: String
    /// Whether the run would keep the model's parts for all its images.
    let keepsParts: Bool
    /// What an image of another size takes.
    let estimate: (PixelSize) throws -> RunEstimate

    /// - Parameter need: the most modest way of making the image that the settings allow, which does not fit.
    func refusal(_ need: MemoryNeed) -> CommandFailure {
        let (needed, available) = limits.shortage(need)
        return CommandFailure(
            .memory,
            "not enough memory: \(need.photo.working) takes about \(needed), and \(available) can be had; \(advice(need))"
        )
    }

    private func advice(_ need: MemoryNeed) -> String {
        let orModel = modelName == defaultModelName ? "" : ", or the model \(defaultModelName)"
        func with(_ use: MemoryUse) -> MemoryNeed {
            MemoryNeed(estimate: need.estimate, photo: need.photo, residency: .stage, use: use)
        }
        if need.use == .fast, keepsParts, limits.fit(with(.auto)) {
            return "give --memory auto, which takes \(byteCountText(limits.peakBytes(with(.auto))))"
        }
        if need.use != .low, limits.fit(with(.low)) {
            return "give --memory low, which takes \(byteCountText(limits.peakBytes(with(.low))))\(orModel)"
        }
        for use in need.use == .low ? [.low] : [need.use, .low] {
            if let size = largestSize(like: need.photo, use) {
                return "give --size \(size)\(use == need.use ? "" : " --memory \(use.rawValue)")\(orModel)"
            }
        }
        let other = orModel.isEmpty ? "there is no size that would fit" : "take the model \(defaultModelName)"
        guard limits.virtualMemoryIsLimited else { return other }
        return "\(orModel.isEmpty ? "" : "\(other), or ")raise the limit (ulimit -v)"
    }

    private func largestSize(like photo: PictureMemory, _ use: MemoryUse) -> PixelSize? {
        photo.working.smaller(factor: model.vaeScaleFactor, smallestSide: model.unet.smallestSide).first { size in
            let photo = PictureMemory(
                photo: photo.photo, working: size, output: size, hasAlpha: photo.hasAlpha, hasProfile: photo.hasProfile,
                isCompared: photo.isCompared)
            guard let estimate = try? estimate(size) else { return false }
            return limits.fit(MemoryNeed(estimate: estimate, photo: photo, residency: .stage, use: use))
        }
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
