import TensorKernels
import TestSupport
import Testing

@Suite struct NormalizationTests {
    @Test func groupNormEqualsItsDefinition() {
        var random = RandomValues(seed: 9)
        for (batch, height, width, channels, groups) in [
            (1, 1, 1, 4, 2), (2, 17, 31, 40, 8), (1, 40, 40, 32, 32), (3, 5, 5, 24, 4), (1, 9, 9, 7, 1),
        ] {
            // A mean far from zero: the variance is a small difference of large numbers.
            let x = random.floats(batch * height * width * channels, in: 99...101)
            let (weight, bias) = (random.floats(channels), random.floats(channels))
            let expected = NaiveKernels.groupNorm(
                x.doubles, batch: batch, pixels: height * width, channels: channels, groups: groups,
                weight: weight.doubles, bias: bias.doubles, epsilon: 1e-5)
            for compute in computes {
                let input = compute.tensor(x, [batch, height, width, channels])
                let norm = input.groupNorm(
                    groups: groups, weight: compute.tensor(weight, [channels]), bias: compute.tensor(bias, [channels]),
                    epsilon: 1e-5)
                // x * scale + shift cancels 100 / 0.58, the mean over the deviation, of the digits.
                let limit = height * width == 1 ? 1e-2 : 400 * unit
                #expect(
                    relativeError(input.normalized(by: norm).values, expected) < limit, "\(batch) \(height) \(channels)"
                )
            }
        }
    }

    /// The sums that convolutions add up as they write, of results alone and side by side, groups across both included.
    @Test func normsOfConvolutionsEqualTheirDefinition() {
        var random = RandomValues(seed: 14)
        for (batch, height, width, channels, out) in [
            (1, 5, 3, 8, 16), (2, 67, 70, 8, 40), (3, 8, 8, 128, 24), (2, 30, 131, 40, 104), (1, 40, 44, 256, 16),
        ] {
            let image = random.floats(batch * height * width * channels)
            let weight = TestWeight(random.floats(out * channels * 9), [out, channels, 3, 3], .float16)
            let (normWeight, normBias) = (random.floats(out + 8), random.floats(out + 8))
            let other = TestWeight(random.floats(8 * channels * 9), [8, channels, 3, 3], .float16)
            for compute in computes {
                let x = compute.tensor(image, [batch, height, width, channels])
                let bias = compute.tensor([Float](repeating: 30, count: out), [out])
                let (one, two) = (x.convolution(weight.tensor, bias: bias), x.convolution(other.tensor))
                for result in [one, one.concatenatingChannels(two), two.concatenatingChannels(x)] {
                    let all = result.shape[3]
                    guard all <= normWeight.count else { continue }
                    let (scale, shift) = (Array(normWeight[..<all]), Array(normBias[..<all]))
                    let norm = result.groupNorm(
                        groups: 4, weight: compute.tensor(scale, [all]), bias: compute.tensor(shift, [all]),
                        epsilon: 1e-5)
                    let expected = NaiveKernels.groupNorm(
                        result.values.doubles, batch: batch, pixels: height * width, channels: all, groups: 4,
                        weight: scale.doubles, bias: shift.doubles, epsilon: 1e-5)
                    #expect(
                        relativeError(result.normalized(by: norm).values, expected) < 400 * unit, "\(result.shape)")
                }
            }
        }
    }

    @Test func layerNormEqualsItsDefinition() {
        var random = RandomValues(seed: 10)
        for (rows, columns) in [(1, 1), (77, 768), (300, 40), (5, 13)] {
            let x = random.floats(rows * columns, in: -1...3)
            let (weight, bias) = (random.floats(columns), random.floats(columns))
            let expected = NaiveKernels.layerNorm(
                x.doubles, columns: columns, weight: weight.doubles, bias: bias.doubles, epsilon: 1e-5)
            for compute in computes {
                let result = compute.tensor(x, [rows, columns]).layerNorm(
                    weight: compute.tensor(weight, [columns]), bias: compute.tensor(bias, [columns]), epsilon: 1e-5)
                #expect(relativeError(result.values, expected) < tolerance(length: columns), "\(rows)x\(columns)")
            }
        }
    }

    @Test(arguments: [Activation.silu, .quickGELU, .gelu, .relu])
    func activationsAreAccurateEverywhere(activation: Activation) {
        let expected: (Double) -> Double =
            switch activation {
            case .silu: NaiveKernels.silu
            case .quickGELU: NaiveKernels.quickGELU
            case .gelu: NaiveKernels.gelu
            case .relu: { max($0, 0) }
            case .none: { $0 }
            }
        let x = (-40_000...40_000).map { Float($0) / 1000 } + [0, -0.0, 1e-20, -1e-20, 1e4, -1e4]
        for compute in computes {
            let result = compute.tensor(x, [x.count]).activated(activation).values
            var worst = 0.0
            for (value, y) in zip(x, result) {
                let reference = expected(Double(value))
                // Eight roundings, the exponent's own rounding (which exp enlarges by its size), and an absolute floor
                // where the result leaves float32's range. GELU in float32 loses digits in 1 + erf: PyTorch's own error
                // is 2.7e-7 |x|.
                let size = abs(Double(value))
                let limit =
                    activation == .gelu
                    ? 2.7e-7 * size : (16 + 2 * 1.702 * size) * unit * abs(reference) + 1e-33 * size
                worst = max(worst, abs(Double(y) - reference) / max(limit, .leastNonzeroMagnitude))
            }
            #expect(worst <= 1, "\(compute.kernelSet.name)")
        }
    }

    @Test func infinitiesAndNaNsAreFound() throws {
        let compute = try Compute(threads: 1)
        func isFinite(_ value: Float) -> Bool { compute.tensor([0, -1, value, 3], [4]).isFinite }
        for value: Float in [0, -0.0, .greatestFiniteMagnitude, -.greatestFiniteMagnitude, .leastNonzeroMagnitude] {
            #expect(isFinite(value))
        }
        for value: Float in [.infinity, -.infinity, .nan, .signalingNaN, -.nan] { #expect(!isFinite(value)) }
    }
}
