import Foundation

/// Unified predictor-corrector (Zhao et al., 2023) of order 1 to 3: diffusers' `UniPCMultistepScheduler`.
struct UniPCSampler: Sampler {
    let timesteps: [Float]
    private let levels: [SolverLevel]
    private let predictionType: PredictionType
    private let order: Int
    private let usesFirstVariant: Bool
    private let lowersLastOrders: Bool
    private let uncorrectedSteps: Set<Int>

    /// Predictions of the clean latents, newest last: at most as many as the order.
    private var history: [[Float]] = []
    /// What the last step started from, corrected, and the order it had.
    private var last: (latents: [Float], order: Int)?

    init(_ configuration: SchedulerConfiguration, steps: Int) throws {
        try configuration.refuse("thresholding")
        try configuration.refuse("use_exponential_sigmas")
        try configuration.refuse("use_beta_sigmas")
        try configuration.refuse("use_flow_sigmas")
        try configuration.refuse("solver_p", unless: [])
        try configuration.refuse("solver_type", unless: ["bh1", "bh2", "midpoint", "heun", "logrho"])
        usesFirstVariant = configuration.holds("bh1", in: "solver_type")
        guard try configuration.fields.boolean("predict_x0", default: true) else {
            throw configuration.fields.refusal("predict_x0", "only true is supported")
        }
        predictionType = try configuration.predictionType(.epsilon, .sample, .velocity)
        order = try configuration.fields.integer("solver_order", default: 2, in: 1...3)
        uncorrectedSteps = Set(
            try configuration.fields.numbers("disable_corrector")?.compactMap { Int(exactly: $0) } ?? [])

        let schedule = try NoiseSchedule(configuration, steps: steps, lastAlphaOfZeroSNR: 0x1p-24)
        let sigmaSchedule = try SigmaSchedule(
            multistep: configuration, schedule: schedule, steps: steps, end: schedule.trainTimesteps,
            usesKarrasSigmas: configuration.fields.boolean("use_karras_sigmas", default: false), finalIsLastKarras: true
        )
        timesteps = sigmaSchedule.timesteps
        levels = sigmaSchedule.sigmas.map { SolverLevel(sigma: $0) }
        lowersLastOrders = try configuration.fields.boolean("lower_order_final", default: true)
        // With an order above one the last step would divide by the distance to the final level.
        let final = sigmaSchedule.sigmas[steps]
        guard final < sigmaSchedule.sigmas[steps - 1], final > 0 || lowersLastOrders || order == 1 else {
            throw configuration.fields.failure(
                "final_sigmas_type is \(final > 0 ? "sigma_min" : "zero"), with which and its other settings unipc cannot "
                    + "make its last step")
        }
    }

    mutating func step(_ prediction: [Float], step: Int, latents: [Float], random: inout TorchRandom) -> [Float] {
        let clean = levels[step].clean(latents, prediction: prediction, type: predictionType)
        var corrected = latents
        if let last, !uncorrectedSteps.contains(step - 1) {
            corrected = update(last.latents, from: step - 1, order: last.order, correctedBy: clean)
        }
        history = history.suffix(order - 1) + [clean]
        let remaining = timesteps.count - step
        let currentOrder = min(order, step + 1, lowersLastOrders ? remaining : order)
        last = (corrected, currentOrder)
        return update(corrected, from: step, order: currentOrder, correctedBy: nil)
    }

    /// One step of the predictor, or of the corrector when the prediction at the target is known.
    ///
    /// The newest prediction in `history` is that at `source`. Names as in the paper: B(h), the divided differences D
    /// and their coefficients rho, which solve R rho = b.
    private func update(
        _ latents: [Float], from source: Int, order: Int, correctedBy targetPrediction: [Float]?
    ) -> [Float] {
        let (start, target) = (levels[source], levels[source + 1])
        let newest = history[history.count - 1]
        let span = target.lambda - start.lambda
        var ratios: [Float] = []
        var differences: [[Float]] = []
        for back in 1..<max(order, 1) {
            let ratio = (levels[source - back].lambda - start.lambda) / span
            ratios.append(ratio)
            differences.append(elementwise(history[history.count - 1 - back], newest) { ($0 - $1) / ratio })
        }
        if let targetPrediction {
            differences.append(elementwise(targetPrediction, newest) { $0 - $1 })
        }
        let rho = coefficients(ratios: ratios + [1], span: span, count: differences.count)

        let weight = target.signal * expm1(-span)
        let scale = target.noise / start.noise
        // Without differences (infinite span, variant bh1) the weight must not matter; diffusers ends in NaN.
        let differenceWeight = differences.isEmpty ? 0 : target.signal * (usesFirstVariant ? -span : expm1(-span))
        return latents.indices.map { index in
            var correction: Float = 0
            for (coefficient, difference) in zip(rho, differences) { correction += coefficient * difference[index] }
            return scale * latents[index] - weight * newest[index] - differenceWeight * correction
        }
    }

    /// The first `count` coefficients: those of a predictor of order `count` + 1 or of a corrector of order `count`.
    private func coefficients(ratios: [Float], span: Float, count: Int) -> [Float] {
        if count == 0 { return [] }
        if count == 1 { return [0.5] }
        var matrix: [[Float]] = []
        var phi = expm1(-span) / -span - 1
        var factorial: Float = 1
        for row in 0..<count {
            let right = phi * factorial / (usesFirstVariant ? -span : expm1(-span))
            matrix.append(ratios.prefix(count).map { pow($0, Float(row)) } + [right])
            factorial *= Float(row + 2)
            phi = phi / -span - 1 / factorial
        }
        return solve(&matrix)
    }

    /// Gaussian elimination with row pivoting; each row is the matrix's and then the right side's value.
    private func solve(_ rows: inout [[Float]]) -> [Float] {
        let count = rows.count
        for column in 0..<count {
            let pivot = (column..<count).max { abs(rows[$0][column]) < abs(rows[$1][column]) } ?? column
            rows.swapAt(column, pivot)
            for row in (column + 1)..<max(count, column + 1) {
                let factor = rows[row][column] / rows[column][column]
                for index in column...count { rows[row][index] -= factor * rows[column][index] }
            }
        }
        var solution = [Float](repeating: 0, count: count)
        for row in (0..<count).reversed() {
            var value = rows[row][count]
            for column in (row + 1)..<max(count, row + 1) { value -= rows[row][column] * solution[column] }
            solution[row] = value / rows[row][row]
        }
        return solution
    }
}
