import Foundation
import TensorKernels

/// A timestep as sinusoids of geometric frequencies (Ho et al. 2020), then two linear layers.
struct TimestepEmbedding {
    let linear1: Linear
    let linear2: Linear
    private let channels: Int
    private let flipSinToCos: Bool
    private let freqShift: Float
    private let compute: Compute

    init(_ weights: LayerWeights, _ configuration: UNetConfiguration) throws {
        channels = configuration.blockOutChannels[0]
        flipSinToCos = configuration.flipSinToCos
        freqShift = configuration.freqShift
        compute = weights.compute
        linear1 = try Linear(weights.scoped("linear_1"), channels, configuration.timeEmbedDim)
        linear2 = try Linear(weights.scoped("linear_2"), configuration.timeEmbedDim, configuration.timeEmbedDim)
    }

    /// The embedding with the SiLU that every ResNet block would apply to it.
    ///
    /// - Parameters:
    ///   - timestep: of the training schedule, may be fractional.
    ///   - text: added before the SiLU, `[1, timeEmbedDim]`.
    /// - Returns: `[1, timeEmbedDim]`.
    func callAsFunction(_ timestep: Float, adding text: Tensor? = nil) -> Tensor {
        let hidden = linear1(compute.tensor(sinusoids(timestep), [1, channels]), activation: .silu)
        guard let text else { return linear2(hidden, activation: .silu) }
        return linear2(hidden, adding: text).activated(.silu)
    }

    /// `get_timestep_embedding` in float32 as the reference computes it: `t * exp(-ln(10000) i / (half - shift))`.
    func sinusoids(_ timestep: Float) -> [Float] {
        let half = channels / 2
        let angles = (0..<half).map { i in
            timestep * exp(Float(-log(10_000.0)) * Float(i) / (Float(half) - freqShift))
        }
        let (sines, cosines) = (angles.map { sin($0) }, angles.map { cos($0) })
        let padding = [Float](repeating: 0, count: channels % 2)
        return (flipSinToCos ? cosines + sines : sines + cosines) + padding
    }
}
