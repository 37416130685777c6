import TensorKernels
import TestSupport
import Testing

@Suite struct ConvolutionTests {
    /// Winograd's transforms enlarge rounding errors: the rows of B^T, G and A^T for F(4, 3) have absolute sums up to 10,
    /// 1 and 19 and act twice, but the enlargement seen (Lavin & Gray 2016, Barabasz et al. 2020) is about 10 in the norm.
    private func convolutionTolerance(_ shape: NaiveKernels.ConvolutionShape) -> Double {
        10 * tolerance(length: shape.channels * shape.kernelHeight * shape.kernelWidth)
    }

    private var shapes: [NaiveKernels.ConvolutionShape] {
        var random = RandomValues(seed: 3)
        let chosen: [NaiveKernels.ConvolutionShape] = [
            .init(batch: 1, height: 1, width: 1, channels: 8, out: 8),
            .init(batch: 2, height: 5, width: 7, channels: 16, out: 24),
            .init(batch: 3, height: 8, width: 8, channels: 128, out: 40),  // weights-major
            .init(batch: 1, height: 33, width: 210, channels: 8, out: 48),  // several blocks in a row of tiles
            .init(batch: 1, height: 66, width: 42, channels: 8, out: 8),  // uneven blocks of tiles
            .init(batch: 2, height: 40, width: 44, channels: 256, out: 16),  // large blocks
            .init(batch: 2, height: 20, width: 18, channels: 40, out: 8),
            .init(batch: 1, height: 9, width: 10, channels: 3, out: 20),  // direct
            .init(batch: 1, height: 9, width: 10, channels: 32, out: 3),
            .init(batch: 2, height: 10, width: 11, channels: 16, out: 16, stride: 2),
            .init(batch: 1, height: 10, width: 11, channels: 8, out: 8, stride: 2, top: 0, left: 0),
            .init(
                batch: 1, height: 6, width: 5, channels: 12, out: 9, kernelHeight: 1, kernelWidth: 1, top: 0, bottom: 0,
                left: 0, right: 0),
            .init(batch: 1, height: 12, width: 13, channels: 600, out: 16, stride: 2),
        ]
        return chosen
            + (0..<12).map { _ in
                .init(
                    batch: random.int(in: 1...3), height: random.int(in: 1...21), width: random.int(in: 1...21),
                    channels: random.int(in: 1...8) * [8, 1, 4][random.int(in: 0...2)], out: random.int(in: 1...40))
            }
    }

    @Test(arguments: [WeightTensor.Format.float32, .float16])
    func convolutionEqualsItsDefinition(format: WeightTensor.Format) {
        var random = RandomValues(seed: 4)
        for s in shapes {
            let image = random.floats(s.batch * s.height * s.width * s.channels)
            let bias = random.floats(s.out)
            let weight = TestWeight(
                random.floats(s.out * s.channels * s.kernelHeight * s.kernelWidth),
                [s.out, s.channels, s.kernelHeight, s.kernelWidth], format)
            var expected = NaiveKernels.convolution(image.doubles, weight.values, s)
            for i in expected.indices { expected[i] += Double(bias[i % s.out]) }
            for compute in computes {
                let result = compute.tensor(image, [s.batch, s.height, s.width, s.channels]).convolution(
                    weight.tensor, bias: compute.tensor(bias, [s.out]), stride: s.stride,
                    padding: Padding(top: s.top, bottom: s.bottom, left: s.left, right: s.right))
                #expect(result.shape == [s.batch, s.outHeight, s.outWidth, s.out])
                #expect(
                    relativeError(result.values, expected) < convolutionTolerance(s), "\(compute.kernelSet.name): \(s)")
            }
        }
    }

    @Test func normAndResidualAreFused() {
        var random = RandomValues(seed: 5)
        for s in shapes where s.channels % 4 == 0 {
            let image = random.floats(s.batch * s.height * s.width * s.channels, in: -1...2)
            let (normWeight, normBias) = (random.floats(s.channels), random.floats(s.channels))
            let count = s.batch * s.outHeight * s.outWidth * s.out
            let residual = random.floats(count)
            let weight = TestWeight(
                random.floats(s.out * s.channels * s.kernelHeight * s.kernelWidth),
                [s.out, s.channels, s.kernelHeight, s.kernelWidth], .float32)
            let normalized = NaiveKernels.groupNorm(
                image.doubles, batch: s.batch, pixels: s.height * s.width, channels: s.channels, groups: 4,
                weight: normWeight.doubles, bias: normBias.doubles, epsilon: 1e-3
            ).map(NaiveKernels.silu)
            var expected = NaiveKernels.convolution(normalized, weight.values, s)
            for i in expected.indices { expected[i] += Double(residual[i]) }
            for compute in computes {
                let input = compute.tensor(image, [s.batch, s.height, s.width, s.channels])
                let norm = input.groupNorm(
                    groups: 4, weight: compute.tensor(normWeight, [s.channels]),
                    bias: compute.tensor(normBias, [s.channels]), epsilon: 1e-3)
                func result(adding added: consuming Tensor) -> Tensor {
                    input.convolution(
                        weight.tensor, stride: s.stride,
                        padding: Padding(top: s.top, bottom: s.bottom, left: s.left, right: s.right),
                        normalizedBySiLU: norm, adding: added)
                }
                let kept = compute.tensor(residual, [s.batch, s.outHeight, s.outWidth, s.out])
                let values = result(adding: kept).values
                #expect(relativeError(values, expected) < convolutionTolerance(s), "\(compute.kernelSet.name): \(s)")
                // Only a residual that nothing else refers to is written over, and nothing changes by that.
                #expect(kept.values == residual, "\(s)")
                #expect(result(adding: compute.tensor(residual, kept.shape)).values == values, "\(s)")
            }
        }
    }

    @Test(arguments: [(8, 8, 16, 16), (5, 3, 9, 5), (4, 4, 7, 8)])
    func upsamplingIsNearestNeighbour(height: Int, width: Int, toHeight: Int, toWidth: Int) {
        var random = RandomValues(seed: 6)
        for channels in [8, 6] {
            let image = random.floats(2 * height * width * channels)
            let weight = TestWeight(random.floats(8 * channels * 9), [8, channels, 3, 3], .float32)
            let enlarged = (0..<(2 * toHeight * toWidth * channels)).map { i -> Double in
                let (c, x, y) = (i % channels, i / channels % toWidth, i / channels / toWidth % toHeight)
                let b = i / channels / toWidth / toHeight
                return Double(
                    image[((b * height + y * height / toHeight) * width + x * width / toWidth) * channels + c])
            }
            let s = NaiveKernels.ConvolutionShape(
                batch: 2, height: toHeight, width: toWidth, channels: channels, out: 8)
            let expected = NaiveKernels.convolution(enlarged, weight.values, s)
            for compute in computes {
                let result = compute.tensor(image, [2, height, width, channels]).convolution(
                    weight.tensor, upsampledTo: (toHeight, toWidth))
                #expect(relativeError(result.values, expected) < convolutionTolerance(s))
            }
        }
    }
}
