import Foundation

/// The noise levels of a run, for the samplers that think in sigmas: standard deviations relative to the clean latents.
struct SigmaSchedule {
    enum FinalSigma: String, CaseIterable {
        case zero
        case smallest = "sigma_min"
    }

    /// One for each step, falling, and the one that the last step arrives at.
    let sigmas: [Float]
    let timesteps: [Float]

    private init(sigmas: [Double], final: Double, timesteps: [Float]) throws {
        guard zip(sigmas, sigmas.dropFirst()).allSatisfy({ Float($0) > Float($1) }) else {
            throw SamplerError.steps(
                sigmas.count,
                reason: "too many for this sampler, two would fall on the same noise level; ask for fewer")
        }
        self.sigmas = (sigmas + [final]).map { Float($0) }
        self.timesteps = timesteps
    }

    /// The noise levels of Euler's and Heun's methods: at timesteps that may be fractional.
    init(
        differentialEquation configuration: SchedulerConfiguration, schedule: NoiseSchedule, steps: Int,
        usesKarrasSigmas: Bool, final: FinalSigma
    ) throws {
        let all = schedule.sigmas
        let timesteps = try configuration.fields.choice("timestep_spacing", default: TimestepSpacing.linspace)
            .timesteps(steps: steps, of: schedule.trainTimesteps, offset: configuration.stepsOffset())
            .map { Float($0) }
        let spaced = SigmaSchedule.interpolate(all, at: timesteps.map { Double($0) })
        let finalSigma = final == .zero ? 0 : Double(all[0])
        guard usesKarrasSigmas else {
            try self.init(sigmas: spaced, final: finalSigma, timesteps: timesteps)
            return
        }
        // Karras' range is that of the spaced levels, and the timesteps stay fractional.
        let karras = try SigmaSchedule.karras(
            configuration, from: spaced[0], to: spaced[steps - 1], count: steps)
        let logSigmas = all.map { log($0) }
        try self.init(
            sigmas: karras, final: finalSigma,
            timesteps: karras.map { Float(SigmaSchedule.timestep(of: $0, logSigmas: logSigmas)) })
    }

    /// The noise levels of the multistep solvers: at whole timesteps, picked with one point more than there are steps.
    ///
    /// - Parameters:
    ///   - end: one past the last timestep used.
    ///   - truncatesKarrasTimesteps: cut, not round, the timesteps that belong to Karras' levels.
    ///   - finalIsLastKarras: with `sigma_min`, end where Karras' levels end, not at the schedule's lowest.
    init(
        multistep configuration: SchedulerConfiguration, schedule: NoiseSchedule, steps: Int, end: Int,
        usesKarrasSigmas: Bool, truncatesKarrasTimesteps: Bool = false, finalIsLastKarras: Bool = false
    ) throws {
        let all = schedule.sigmas
        let final = try configuration.fields.choice("final_sigmas_type", default: FinalSigma.zero)
        let finalSigma = final == .zero ? 0 : Double(all[0])
        if usesKarrasSigmas {
            let karras = try SigmaSchedule.karras(
                configuration, from: Double(all[all.count - 1]), to: Double(all[0]), count: steps)
            let logSigmas = all.map { log($0) }
            let rule: FloatingPointRoundingRule = truncatesKarrasTimesteps ? .towardZero : .toNearestOrEven
            try self.init(
                sigmas: karras, final: final == .smallest && finalIsLastKarras ? karras[steps - 1] : finalSigma,
                timesteps: karras.map { Float(SigmaSchedule.timestep(of: $0, logSigmas: logSigmas).rounded(rule)) })
            return
        }
        let spacing = try configuration.fields.choice("timestep_spacing", default: TimestepSpacing.linspace)
        let timesteps = try spacing.timesteps(
            steps: steps, of: end, points: spacing == .trailing ? steps : steps + 1,
            offset: configuration.stepsOffset()
        ).map { $0.rounded(.toNearestOrEven) }
        try self.init(
            sigmas: SigmaSchedule.interpolate(all, at: timesteps), final: finalSigma,
            timesteps: timesteps.map { Float($0) })
    }

    /// What standard normal noise is multiplied by to become the first latents of Euler's and Heun's methods.
    func initialNoiseScale(_ configuration: SchedulerConfiguration) throws -> Float {
        let largest = sigmas[0]
        switch try configuration.fields.choice("timestep_spacing", default: TimestepSpacing.linspace) {
        case .linspace, .trailing: return largest
        case .leading: return (largest * largest + 1).squareRoot()
        }
    }

    // MARK: - As numpy computes them

    /// `numpy.interp` over 0, 1, 2, ...: linear between the values, constant beyond the ends.
    private static func interpolate(_ values: [Float], at positions: [Double]) -> [Double] {
        let last = values.count - 1
        return positions.map { position in
            if position <= 0 { return Double(values[0]) }
            if position >= Double(last) { return Double(values[last]) }
            let index = Int(position)
            let low = Double(values[index])
            let slope = Double(values[index + 1]) - low
            return slope * (position - Double(index)) + low
        }
    }

    /// Noise levels evenly spaced in their seventh root (Karras et al., 2022, equation 5).
    private static func karras(
        _ configuration: SchedulerConfiguration, from largest: Double, to smallest: Double, count: Int
    ) throws -> [Double] {
        let rho = 7.0
        let last = pow(try configuration.fields.anyNumber("sigma_min") ?? smallest, 1 / rho)
        let first = pow(try configuration.fields.anyNumber("sigma_max") ?? largest, 1 / rho)
        return (0..<count).map { index in
            let ramp = index == 0 ? 0 : index == count - 1 ? 1 : Double(index) * (1 / Double(count - 1))
            return pow(first + ramp * (last - first), rho)
        }
    }

    /// The fractional timestep at which the training had this noise level, by interpolation of logarithms.
    private static func timestep(of sigma: Double, logSigmas: [Float]) -> Double {
        let logSigma = log(max(sigma, 1e-10))
        let below = logSigmas.lastIndex { Double($0) <= logSigma } ?? 0
        let index = max(0, min(below, logSigmas.count - 2))
        let low = logSigmas[index]
        let gap = low - logSigmas[min(index + 1, logSigmas.count - 1)]
        let weight = min(max((Double(low) - logSigma) / Double(gap), 0), 1)
        return (1 - weight) * Double(index) + weight * Double(index + 1)
    }
}
