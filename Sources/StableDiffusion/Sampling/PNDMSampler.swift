/// Pseudo numerical methods for diffusion models (Liu et al., 2022): diffusers' `PNDMScheduler`.
///
/// A linear multistep method over the last four predictions. It starts either with three Runge-Kutta steps of four
/// evaluations each, or (`skip_prk_steps`, Stable Diffusion's published setting) with one repeated step.
struct PNDMSampler: Sampler {
    let timesteps: [Float]
    private let indices: [Int]
    /// Evaluations that belong to the Runge-Kutta warm-up: 12 or none.
    private let warmUpCount: Int
    private let alphasCumprod: [Float]
    private let finalAlpha: Float
    private let stride: Int
    private let predictionType: PredictionType

    /// The last predictions, newest last: at most four.
    private var history: [[Float]] = []
    /// The weighted sum of the current Runge-Kutta step's predictions so far.
    private var weightedSum: [Float] = []
    /// The latents that the current Runge-Kutta step, or the repeated first step, started from.
    private var origin: [Float] = []

    init(_ configuration: SchedulerConfiguration, steps: Int) throws {
        let schedule = try NoiseSchedule(configuration, steps: steps, canRescale: false)
        predictionType = try configuration.predictionType(.epsilon, .velocity)
        alphasCumprod = schedule.alphasCumprod
        finalAlpha = try configuration.fields.boolean("set_alpha_to_one", default: false) ? 1 : alphasCumprod[0]
        stride = schedule.trainTimesteps / steps
        let spacing = try configuration.fields.choice("timestep_spacing", default: TimestepSpacing.leading)
        let spaced = try schedule.indices(
            of: spacing.timesteps(steps: steps, of: schedule.trainTimesteps, offset: configuration.stepsOffset()))
        if try configuration.fields.boolean("skip_prk_steps", default: false) {
            warmUpCount = 0
            // The second step is made twice; its first time only serves to better the first.
            indices = Array(spaced.prefix(2)) + spaced.dropFirst()
        } else {
            guard steps >= 4 else {
                throw SamplerError.steps(steps, reason: "pndm with its Runge-Kutta warm-up needs 4 or more")
            }
            let warmUp = PNDMSampler.warmUpIndices(Array(spaced.prefix(4)), stride: stride)
            warmUpCount = warmUp.count
            indices = warmUp + spaced.dropFirst(3)
        }
        timesteps = indices.map { Float($0) }
    }

    /// Each Runge-Kutta step evaluates at its start, twice at the middle and at its end.
    private static func warmUpIndices(_ first: [Int], stride: Int) -> [Int] {
        (0..<3).flatMap { step in
            let middle = first[step + 1] + stride / 2
            return [first[step], middle, middle, first[step + 1]]
        }
    }

    mutating func step(_ prediction: [Float], step: Int, latents: [Float], random: inout TorchRandom) -> [Float] {
        step < warmUpCount
            ? rungeKuttaStep(prediction, step: step, latents: latents)
            : multistep(prediction, step: step, latents: latents)
    }

    private mutating func rungeKuttaStep(_ prediction: [Float], step: Int, latents: [Float]) -> [Float] {
        var direction = prediction
        switch step % 4 {
        case 0:
            weightedSum = prediction.map { Float(1.0 / 6) * $0 }
            history.append(prediction)
            origin = latents
        case 1, 2:
            weightedSum = elementwise(weightedSum, prediction) { $0 + Float(1.0 / 3) * $1 }
        default:
            direction = elementwise(weightedSum, prediction) { $0 + Float(1.0 / 6) * $1 }
        }
        let previous = indices[step] - (step.isMultiple(of: 2) ? stride / 2 : 0)
        return transfer(origin, along: direction, from: indices[step / 4 * 4], to: previous)
    }

    private mutating func multistep(_ prediction: [Float], step: Int, latents: [Float]) -> [Float] {
        if step == 1 {
            // The first step once more, from where it started, with the mean of both ends' predictions.
            let direction = elementwise(prediction, history[0]) { ($0 + $1) / 2 }
            return transfer(origin, along: direction, from: indices[1] + stride, to: indices[1])
        }
        if step == 0 { origin = latents }
        history = history.suffix(3) + [prediction]
        let newest = history.count - 1
        let direction: [Float]
        switch history.count {
        case 1:
            direction = prediction
        case 2:
            direction = elementwise(history[newest], history[newest - 1]) { (3 * $0 - $1) / 2 }
        case 3:
            direction = prediction.indices.map { index in
                (23 * history[newest][index] - 16 * history[newest - 1][index] + 5 * history[newest - 2][index]) / 12
            }
        default:
            direction = prediction.indices.map { index in
                let near = 55 * history[newest][index] - 59 * history[newest - 1][index]
                return Float(1.0 / 24) * (near + 37 * history[newest - 2][index] - 9 * history[newest - 3][index])
            }
        }
        return transfer(latents, along: direction, from: indices[step], to: indices[step] - stride)
    }

    /// Equation 9 of the paper: the latents at timestep `to`, given those at `from` and a direction.
    private func transfer(_ latents: [Float], along direction: [Float], from: Int, to: Int) -> [Float] {
        let alpha = alphasCumprod[from]
        let previousAlpha = to >= 0 ? alphasCumprod[to] : finalAlpha
        let beta = 1 - alpha
        let latentScale = (previousAlpha / alpha).squareRoot()
        let denominator = alpha * (1 - previousAlpha).squareRoot() + (alpha * beta * previousAlpha).squareRoot()
        let change = previousAlpha - alpha
        return elementwise(latents, direction) { latent, predicted in
            let epsilon =
                predictionType == .velocity ? alpha.squareRoot() * predicted + beta.squareRoot() * latent : predicted
            return latentScale * latent - change * epsilon / denominator
        }
    }
}
