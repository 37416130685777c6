import TensorKernels
import TestSupport
import Testing

@Suite struct MatrixMultiplyTests {
    @Test(arguments: [WeightTensor.Format.float32, .float16])
    func linearEqualsTheNaiveProduct(format: WeightTensor.Format) {
        var random = RandomValues(seed: 1)
        let edges = [(1, 1, 1), (4, 70, 33), (5, 16, 8), (6, 17, 320), (97, 40, 321), (193, 330, 100), (7, 2000, 1500)]
        // Large enough for Strassen's algorithm: whole blocks and parts of them, more than a chunk, an odd count.
        let large = [(384, 64, 256), (482, 352, 288), (385, 96, 320), (384, 1056, 2048)]
        let others = (0..<20).map { _ in (random.int(in: 1...150), random.int(in: 1...200), random.int(in: 1...700)) }
        for (rows, n, k) in edges + large + others {
            let (x, bias, residual) = (random.floats(rows * k), random.floats(n), random.floats(rows * n))
            let weight = TestWeight(random.floats(n * k), [n, k], format)
            let product = NaiveKernels.matrixMultiply(x.doubles, weight.values, rows: rows, n: n, k: k)
            for compute in computes {
                let input = compute.tensor(x, [rows, k])
                let plain = input.linear(weight.tensor)
                #expect(
                    relativeError(plain.values, product) < tolerance(length: k),
                    "\(compute.kernelSet.name): \(rows)x\(n)x\(k)")
                let full = input.linear(
                    weight.tensor, bias: compute.tensor(bias, [n]), activation: .silu,
                    adding: compute.tensor(residual, [rows, n]))
                let expected = product.indices.map {
                    NaiveKernels.silu(product[$0] + Double(bias[$0 % n])) + Double(residual[$0])
                }
                #expect(
                    relativeError(full.values, expected) < tolerance(length: k),
                    "\(compute.kernelSet.name): \(rows)x\(n)x\(k) with epilogue")
            }
        }
    }

    @Test func gatedLinearIsValueTimesGELUOfGate() {
        var random = RandomValues(seed: 2)
        for (rows, n, k) in [(1, 8, 8), (100, 700, 50), (250, 33, 129), (482, 352, 288), (384, 1056, 1024)] {
            let (x, bias) = (random.floats(rows * k, in: -3...3), random.floats(2 * n))
            let weight = TestWeight(random.floats(2 * n * k), [2 * n, k], .float16)
            let both = NaiveKernels.matrixMultiply(x.doubles, weight.values, rows: rows, n: 2 * n, k: k)
            let expected = (0..<(rows * n)).map { i in
                let (r, c) = (i / n, i % n)
                return (both[r * 2 * n + c] + Double(bias[c]))
                    * NaiveKernels.gelu(both[r * 2 * n + n + c] + Double(bias[n + c]))
            }
            for compute in computes {
                let result = compute.tensor(x, [rows, k]).gatedLinear(
                    weight.tensor, bias: compute.tensor(bias, [2 * n]))
                #expect(relativeError(result.values, expected) < 2 * tolerance(length: k))
            }
        }
    }

    @Test func halfPrecisionWeightsAreUpcastExactly() {
        // Every float16 value that is a number, subnormals included, through the packing and the few-row kernels.
        let halves = (0...UInt16.max).map { Float16(bitPattern: $0) }.filter { $0.isFinite }.map { Float($0) }
        let weight = TestWeight(halves, [halves.count, 1], .float16)
        for compute in computes {
            #expect(differences(compute.tensor([1], [1, 1]).linear(weight.tensor).values, halves) == nil)
            #expect(differences(weight.tensor.tensor(on: compute).values, halves) == nil)
        }
        let wide = TestWeight(halves, [halves.count / 8, 8], .float16)
        for compute in computes {
            let identity = (0..<64).map { Float($0 / 8 == $0 % 8 ? 1 : 0) }
            let result = compute.tensor(identity, [8, 8]).linear(wide.tensor).values
            let expected = (0..<8).flatMap { column in (0..<(halves.count / 8)).map { halves[$0 * 8 + column] } }
            #expect(differences(result, expected) == nil)
        }
    }
}
