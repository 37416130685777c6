import Foundation

/// How much noise the model was trained with at each of its timesteps.
///
/// `alphasCumprod[t]` is the share of the clean image's variance left at timestep t: the latents are
/// sqrt(alpha) * clean + sqrt(1 - alpha) * noise. Single precision except where PyTorch goes to double, because
/// timesteps that are rounded later (Karras') depend on the last bits.
struct NoiseSchedule {
    enum BetaSchedule: String, CaseIterable {
        case linear
        case scaledLinear = "scaled_linear"
        /// Nichol and Dhariwal's cosine.
        case squaredCosine = "squaredcos_cap_v2"
    }

    let alphasCumprod: [Float]
    private let fields: ConfigurationFields

    var trainTimesteps: Int { alphasCumprod.count }

    /// Reads the schedule's fields.
    ///
    /// - Parameters:
    ///   - steps: of the run; the training must have had as many.
    ///   - betaRange: the class's defaults of `beta_start` and `beta_end`.
    ///   - betaSchedule: the class's default of `beta_schedule`.
    ///   - canRescale: whether the class knows `rescale_betas_zero_snr`.
    ///   - lastAlphaOfZeroSNR: what the class puts in the place of the last, zero value after rescaling.
    init(
        _ configuration: SchedulerConfiguration, steps: Int, betaRange: (start: Double, end: Double) = (0.0001, 0.02),
        betaSchedule: BetaSchedule = .linear, canRescale: Bool = true, lastAlphaOfZeroSNR: Float = 0
    ) throws {
        let count = try configuration.fields.integer("num_train_timesteps", default: 1000, in: 1...100_000)
        guard steps <= count else {
            throw SamplerError.steps(steps, reason: "the model was trained with \(count)")
        }
        var betas: [Float]
        if let trained = try configuration.fields.numbers("trained_betas") {
            guard trained.count == count else {
                throw configuration.fields.refusal(
                    "trained_betas", "expected one for each of the \(count) training timesteps")
            }
            betas = trained.map { Float($0) }
        } else {
            let start = try configuration.fields.anyNumber("beta_start") ?? betaRange.start
            let end = try configuration.fields.anyNumber("beta_end") ?? betaRange.end
            switch try configuration.fields.choice("beta_schedule", default: betaSchedule) {
            case .linear:
                betas = NoiseSchedule.torchLinspace(Float(start), Float(end), count: count)
            case .scaledLinear:
                let roots = NoiseSchedule.torchLinspace(
                    Float(start.squareRoot()), Float(end.squareRoot()), count: count)
                betas = roots.map { $0 * $0 }
            case .squaredCosine:
                betas = NoiseSchedule.squaredCosineBetas(count: count)
            }
        }
        for beta in betas where !(beta > 0 && beta < 1) {
            throw configuration.fields.failure(
                "beta_start, beta_end or trained_betas give a beta of \(beta), but every beta must lie between 0 and 1")
        }

        let rescales = canRescale ? try configuration.fields.boolean("rescale_betas_zero_snr", default: false) : false
        if rescales { betas = NoiseSchedule.rescaledToZeroSNR(betas) }
        var products = NoiseSchedule.cumulativeProducts(betas.map { 1 - $0 })
        if rescales { products[count - 1] = lastAlphaOfZeroSNR }
        guard products.dropLast(rescales ? 1 : 0).allSatisfy({ $0 > 0 && $0 < 1 }) else {
            throw configuration.fields.failure(
                "beta_schedule is too steep or too flat: noise must grow from nearly none to nearly all over the training "
                    + "timesteps")
        }
        alphasCumprod = products
        fields = configuration.fields
    }

    /// Standard deviations of the noise relative to the clean latents, by timestep.
    var sigmas: [Float] {
        alphasCumprod.map { ((1 - $0) / $0).squareRoot() }
    }

    /// Timesteps as indices into `alphasCumprod`, rounded to even; throws for one beyond the training's.
    func indices(of timesteps: [Double]) throws -> [Int] {
        try timesteps.map { timestep in
            let index = Int(timestep.rounded(.toNearestOrEven))
            guard alphasCumprod.indices.contains(index) else {
                let limit = "timestep \(index) of \(trainTimesteps)"
                throw SamplerError.steps(
                    timesteps.count, reason: "the model's steps_offset takes them to \(limit); ask for fewer")
            }
            return index
        }
    }

    /// Throws when a prediction of the noise would have to be taken from latents that hold nothing else.
    func checkSignal(at indices: [Int], prediction: PredictionType) throws {
        if prediction == .epsilon, indices.contains(where: { alphasCumprod[$0] == 0 }) {
            throw fields.failure(
                "prediction_type is epsilon with rescale_betas_zero_snr; this sampler then needs v_prediction or sample"
            )
        }
    }

    /// The timesteps of a model that was distilled to few steps, picked from those of the distillation.
    func distilledIndices(_ configuration: SchedulerConfiguration, steps: Int) throws -> [Int] {
        let originalSteps = try configuration.fields.integer(
            "original_inference_steps", default: 50, in: 1...trainTimesteps)
        guard steps <= originalSteps else {
            throw SamplerError.steps(
                steps, reason: "this sampler takes at most the \(originalSteps) that models are distilled with")
        }
        let stride = trainTimesteps / originalSteps
        return (0..<steps).map { step in
            let skipped = Int(Double(step) * (Double(originalSteps) / Double(steps)))
            return (originalSteps - skipped) * stride - 1
        }
    }

    // MARK: - As PyTorch computes them

    /// `torch.linspace` in float32: from both ends towards the middle, with fused multiply-adds.
    private static func torchLinspace(_ start: Float, _ end: Float, count: Int) -> [Float] {
        guard count > 1 else { return [start] }
        let step = (end - start) / Float(count - 1)
        return (0..<count).map { index -> Float in
            if index < count / 2 { return start.addingProduct(step, Float(index)) }
            return end.addingProduct(-step, Float(count - index - 1))
        }
    }

    /// `torch.cumprod` in float32, which accumulates in double.
    private static func cumulativeProducts(_ factors: [Float]) -> [Float] {
        var product = 1.0
        return factors.map { factor in
            product *= Double(factor)
            return Float(product)
        }
    }

    private static func squaredCosineBetas(count: Int) -> [Float] {
        func alphaBar(_ time: Double) -> Double {
            let root = cos((time + 0.008) / 1.008 * .pi / 2)
            return root * root
        }
        return (0..<count).map { index in
            let ratio = alphaBar(Double(index + 1) / Double(count)) / alphaBar(Double(index) / Double(count))
            return Float(min(1 - ratio, 0.999))
        }
    }

    /// Betas stretched so that the last timestep is pure noise (Lin et al., 2023, algorithm 1).
    private static func rescaledToZeroSNR(_ betas: [Float]) -> [Float] {
        let roots = cumulativeProducts(betas.map { 1 - $0 }).map { $0.squareRoot() }
        let first = roots[0]
        let last = roots[roots.count - 1]
        let scale = first / (first - last)
        let products = roots.map { root in
            let rescaled = (root - last) * scale
            return rescaled * rescaled
        }
        return products.indices.map { 1 - ($0 == 0 ? products[0] : products[$0] / products[$0 - 1]) }
    }
}
