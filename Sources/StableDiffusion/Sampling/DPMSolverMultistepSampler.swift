import Foundation

/// DPM-Solver++ (Lu et al., 2022), multistep, of order 1 to 3, with or without Karras' noise levels: diffusers'
/// `DPMSolverMultistepScheduler`.
struct DPMSolverMultistepSampler: Sampler {
    private enum SolverType { case midpoint, heun }

    let timesteps: [Float]
    private let levels: [SolverLevel]
    private let predictionType: PredictionType
    private let order: Int
    private let solverType: SolverType
    private let lowersLastOrders: Bool
    private let lastIsFirstOrder: Bool

    /// Predictions of the clean latents, newest last: at most as many as the order.
    private var history: [[Float]] = []

    init(_ configuration: SchedulerConfiguration, steps: Int, usesKarrasSigmas: Bool) throws {
        try configuration.refuse("thresholding")
        try configuration.refuse("use_exponential_sigmas")
        try configuration.refuse("use_beta_sigmas")
        try configuration.refuse("use_lu_lambdas")
        try configuration.refuse("use_flow_sigmas")
        try configuration.refuse("algorithm_type", unless: ["dpmsolver++", "deis"])
        try configuration.refuse("variance_type", unless: [])
        try configuration.refuse("solver_type", unless: ["midpoint", "heun", "logrho", "bh1", "bh2"])
        solverType = configuration.holds("heun", in: "solver_type") ? .heun : .midpoint
        predictionType = try configuration.predictionType(.epsilon, .sample, .velocity)
        order = try configuration.fields.integer("solver_order", default: 2, in: 1...3)

        let schedule = try NoiseSchedule(configuration, steps: steps, lastAlphaOfZeroSNR: 0x1p-24)
        let sigmaSchedule = try SigmaSchedule(
            multistep: configuration, schedule: schedule, steps: steps,
            end: DPMSolverMultistepSampler.end(configuration, schedule: schedule), usesKarrasSigmas: usesKarrasSigmas,
            truncatesKarrasTimesteps: configuration.holds("squaredcos_cap_v2", in: "beta_schedule"))
        timesteps = sigmaSchedule.timesteps
        levels = sigmaSchedule.sigmas.map { SolverLevel(sigma: $0) }
        let lowersFinal = try configuration.fields.boolean("lower_order_final", default: true)
        lowersLastOrders = lowersFinal && steps < 15
        lastIsFirstOrder =
            try lowersLastOrders || sigmaSchedule.sigmas[steps] == 0
            || configuration.fields.boolean("euler_at_final", default: false)
    }

    /// One past the last timestep whose log signal-to-noise ratio is not below the file's `lambda_min_clipped`.
    private static func end(_ configuration: SchedulerConfiguration, schedule: NoiseSchedule) throws -> Int {
        let lowest = try configuration.fields.anyNumber("lambda_min_clipped") ?? -.infinity
        let last = schedule.alphasCumprod.lastIndex { alpha in
            log(alpha.squareRoot()) - log((1 - alpha).squareRoot()) >= Float(lowest)
        }
        guard let last else {
            throw configuration.fields.refusal("lambda_min_clipped", "which leaves no timestep to use")
        }
        return last + 1
    }

    mutating func step(_ prediction: [Float], step: Int, latents: [Float], random: inout TorchRandom) -> [Float] {
        let level = levels[step]
        history = history.suffix(order - 1) + [level.clean(latents, prediction: prediction, type: predictionType)]
        let remaining = timesteps.count - step
        if history.count == 1 || (remaining == 1 && lastIsFirstOrder) {
            return firstOrder(latents, step: step)
        }
        if history.count == 2 || (remaining == 2 && lowersLastOrders) {
            return secondOrder(latents, step: step)
        }
        return thirdOrder(latents, step: step)
    }

    private func firstOrder(_ latents: [Float], step: Int) -> [Float] {
        let (source, target) = (levels[step], levels[step + 1])
        let scale = target.noise / source.noise
        let weight = target.signal * (exp(-(target.lambda - source.lambda)) - 1)
        return elementwise(latents, history[history.count - 1]) { scale * $0 - weight * $1 }
    }

    private func secondOrder(_ latents: [Float], step: Int) -> [Float] {
        let (source, target) = (levels[step], levels[step + 1])
        let span = target.lambda - source.lambda
        let ratio = (source.lambda - levels[step - 1].lambda) / span
        let scale = target.noise / source.noise
        let decay = exp(-span) - 1
        let weight = target.signal * decay
        let slopeWeight =
            switch solverType {
            case .midpoint: -0.5 * weight
            case .heun: target.signal * (decay / span + 1)
            }
        let (newest, older) = (history[history.count - 1], history[history.count - 2])
        return latents.indices.map { index in
            let slope = 1 / ratio * (newest[index] - older[index])
            return scale * latents[index] - weight * newest[index] + slopeWeight * slope
        }
    }

    private func thirdOrder(_ latents: [Float], step: Int) -> [Float] {
        let (source, target) = (levels[step], levels[step + 1])
        let span = target.lambda - source.lambda
        let ratio = (source.lambda - levels[step - 1].lambda) / span
        let olderRatio = (levels[step - 1].lambda - levels[step - 2].lambda) / span
        let scale = target.noise / source.noise
        let decay = exp(-span) - 1
        let weight = target.signal * decay
        let slopeWeight = target.signal * (decay / span + 1)
        let curvatureWeight = target.signal * ((decay + span) / (span * span) - 0.5)
        return latents.indices.map { index in
            let newest = history[2][index]
            let nearSlope = 1 / ratio * (newest - history[1][index])
            let farSlope = 1 / olderRatio * (history[1][index] - history[0][index])
            let slope = nearSlope + ratio / (ratio + olderRatio) * (nearSlope - farSlope)
            let curvature = 1 / (ratio + olderRatio) * (nearSlope - farSlope)
            return scale * latents[index] - weight * newest + slopeWeight * slope - curvatureWeight * curvature
        }
    }
}
