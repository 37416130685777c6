import TensorKernels
import TestSupport
import Testing

/// One for each set of kernels, with half precision.
private var halfComputes: [Compute] {
    KernelSet.available.map { set in
        var set = set
        set.precision = .half
        return Compute(threads: 3, kernels: set)
    }
}

/// The nearest value with 8 bits of precision; of two as near, that with an even last bit.
private func bfloat16(_ value: Float) -> Float {
    guard value.isFinite else { return value }
    let unit = max(value.ulp, Float.leastNormalMagnitude.ulp) * 0x1p16
    return (value / unit).rounded(.toNearestOrEven) * unit
}

@Suite struct PrecisionTests {
    /// Where the processor has an instruction for half precision, its results are those of the kernels without one, to the
    /// bit: their sums have the same order, as long as the depth is a block of it at most.
    @Test func allKernelsGiveTheSameBits() {
        var random = RandomValues(seed: 31)
        let large = [(96, 320, 384), (97, 33, 383), (13, 17, 1), (400, 352, 320)]
        let others = (0..<30).map { _ in (random.int(in: 5...200), random.int(in: 1...200), random.int(in: 1...384)) }
        for (rows, n, k) in large + others {
            let x = random.floats(rows * k)
            let weight = TestWeight(random.floats(n * k), [n, k], .float16)
            let results = halfComputes.map { $0.tensor(x, [rows, k]).linear(weight.tensor).values }
            for (result, compute) in zip(results, halfComputes) {
                #expect(
                    bitDifferences(result, results[0]) == nil, "\(compute.kernelSet.name): \(rows)x\(n)x\(k)")
            }
        }
    }

    @Test func productsAreThoseOfRoundedFactors() {
        var random = RandomValues(seed: 32)
        for (rows, n, k) in [(5, 16, 8), (97, 40, 321), (193, 330, 100), (7, 2000, 1500), (482, 352, 288)] {
            let (x, bias) = (random.floats(rows * k, in: -3...3), random.floats(2 * n))
            let weight = TestWeight(random.floats(2 * n * k), [2 * n, k], .float32)
            let product = NaiveKernels.matrixMultiply(
                x.map { Double(bfloat16($0)) }, weight.values.map { Double(bfloat16(Float($0))) }, rows: rows, n: 2 * n,
                k: k)
            let gated = (0..<(rows * n)).map { i in
                let at = i / n * 2 * n + i % n
                return (product[at] + Double(bias[i % n]))
                    * NaiveKernels.gelu(product[at + n] + Double(bias[n + i % n]))
            }
            for compute in halfComputes {
                let input = compute.tensor(x, [rows, k])
                #expect(relativeError(input.linear(weight.tensor).values, product) < tolerance(length: k))
                let result = input.gatedLinear(weight.tensor, bias: compute.tensor(bias, [2 * n]))
                #expect(relativeError(result.values, gated) < 2 * tolerance(length: k))
            }
        }
    }

    /// Halfway cases, the largest values, infinities; and what is no number stays none.
    @Test func factorsAreRoundedToEven() {
        var values: [Float] = (0..<0x200).map { Float(bitPattern: 0x3f80_0000 + $0 << 8) }
        values += [.greatestFiniteMagnitude, .infinity, Float(bitPattern: 0x7f7f_7fff), 0, .leastNormalMagnitude]
        values += values.map { -$0 }
        let expected = values.map { $0.isFinite ? bfloat16($0) : $0 }
        let one = TestWeight([1], [1, 1], .float32)
        for compute in halfComputes {
            #expect(differences(compute.tensor(values, [values.count, 1]).linear(one.tensor).values, expected) == nil)
            let none = compute.tensor([.nan, .signalingNaN, 1, 2, 3], [5, 1]).linear(one.tensor).values
            #expect(none[0].isNaN && none[1].isNaN && none[2] == 1)
            let weight = TestWeight(values, [values.count, 1], .float32)
            let rows = compute.tensor([1, 1, 1, 1, 1], [5, 1]).linear(weight.tensor).values
            #expect(differences(Array(rows[..<values.count]), expected) == nil)
        }
    }

    /// Rounding moves each value by 2^-9 at most, 0.6 times that in the mean of squares; Winograd's transforms enlarge it:
    /// of white noise, the worst there is, to 1.2 %.
    @Test func convolutionsAreNearTheirDefinition() {
        var random = RandomValues(seed: 33)
        let shapes: [NaiveKernels.ConvolutionShape] = [
            .init(batch: 2, height: 5, width: 7, channels: 16, out: 24),
            .init(batch: 3, height: 8, width: 8, channels: 128, out: 40),
            .init(batch: 1, height: 33, width: 210, channels: 8, out: 48),
            .init(batch: 2, height: 40, width: 44, channels: 256, out: 16),
            .init(batch: 2, height: 20, width: 18, channels: 40, out: 8),
        ]
        for s in shapes {
            let image = random.floats(s.batch * s.height * s.width * s.channels)
            let weight = TestWeight(random.floats(s.out * s.channels * 9), [s.out, s.channels, 3, 3], .float16)
            let expected = NaiveKernels.convolution(image.doubles, weight.values, s)
            for compute in halfComputes {
                let result = compute.tensor(image, [s.batch, s.height, s.width, s.channels]).convolution(weight.tensor)
                let error = relativeError(result.values, expected)
                #expect(error < 0.016, "\(compute.kernelSet.name): \(s)")
                #expect(!(error < 1e-4), "\(compute.kernelSet.name) computes \(s) in full")
            }
        }
    }

    @Test func attentionIsNearItsDefinition() {
        var random = RandomValues(seed: 34)
        let edges = [
            (77, 77, 2, 64), (100, 300, 8, 40), (13, 17, 3, 6), (97, 1, 1, 160), (30, 520, 2, 10), (9, 9, 2, 5),
        ]
        for (tokens, keyTokens, heads, depth) in edges {
            let channels = heads * depth
            let (queries, keys) = (random.floats(tokens * channels), random.floats(keyTokens * channels))
            let values = random.floats(keyTokens * channels, in: 0...1)
            for causal in [false, true] where !causal || tokens == keyTokens {
                let expected = NaiveKernels.attention(
                    queries.doubles, keys.doubles, values.doubles, tokens: tokens, keyTokens: keyTokens, heads: heads,
                    depth: depth, causal: causal)
                for compute in halfComputes {
                    let result = compute.tensor(queries, [1, tokens, channels]).attention(
                        keys: compute.tensor(keys, [1, keyTokens, channels]),
                        values: compute.tensor(values, [1, keyTokens, channels]), heads: heads, causal: causal)
                    #expect(
                        relativeError(result.values, expected) < 0x1p-8,
                        "\(compute.kernelSet.name): \(tokens) \(keyTokens) \(heads) \(depth)")
                }
            }
        }
    }
}
