/// How the timesteps of a run are picked from those of the training (Lin et al., 2023, table 2).
enum TimestepSpacing: String, CaseIterable {
    case linspace, leading, trailing

    /// Timesteps from the noisiest down, as numpy computes them: in double, some not whole, rounded by nobody yet.
    ///
    /// - Parameters:
    ///   - steps: how many.
    ///   - trainTimesteps: from how many they are picked.
    ///   - points: over how many points they are laid, of which the last, cleanest are left out (`linspace`, `leading`).
    ///   - offset: the file's `steps_offset`, which shifts `leading` only.
    func timesteps(steps: Int, of trainTimesteps: Int, points: Int? = nil, offset: Int) -> [Double] {
        let points = points ?? steps
        switch self {
        case .linspace:
            return Array(numpyLinspace(to: Double(trainTimesteps - 1), count: points).reversed().prefix(steps))
        case .leading:
            let ratio = trainTimesteps / points
            return (0..<points).reversed().prefix(steps).map { Double($0 * ratio + offset) }
        case .trailing:
            // numpy.arange(train, 0, -train/steps): its stride is the difference of its first two values, and for some
            // counts (61, 103, ...) rounding makes it one value longer, which diffusers turns into a step at timestep
            // -1. Here a run always has the steps asked for.
            let start = Double(trainTimesteps)
            let stride = (start - start / Double(steps)) - start
            return (0..<steps).map { (start + Double($0) * stride).rounded(.toNearestOrEven) - 1 }
        }
    }

    /// `numpy.linspace(0, end, count)`.
    private func numpyLinspace(to end: Double, count: Int) -> [Double] {
        guard count > 1 else { return [0] }
        let step = end / Double(count - 1)
        return (0..<count).map { $0 == count - 1 ? end : Double($0) * step }
    }
}
