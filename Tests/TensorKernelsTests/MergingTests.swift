import TensorKernels
import TestSupport
import Testing

@Suite struct MergingTests {
    @Test(arguments: [WeightTensor.Format.float32, .float16])
    func addingEqualsTheNaiveSum(format: WeightTensor.Format) {
        var random = RandomValues(seed: 8)
        let shapes = [[1, 1], [5, 16], [33, 7], [97, 321], [200, 40, 3, 3], [48, 700, 1, 1]]
        for (shape, ranks) in zip(shapes, [[1], [3], [2, 5], [64], [4, 1, 9], [16]]) {
            let (rows, columns) = (shape[0], shape.dropFirst().reduce(1, *))
            let weight = TestWeight(random.floats(rows * columns), shape, format)
            var expected = weight.values
            let addends = ranks.map { rank in
                let (left, right) = (random.floats(rows * rank), random.floats(rank * columns))
                for row in 0..<rows {
                    for column in 0..<columns {
                        expected[row * columns + column] += (0..<rank).reduce(0) {
                            $0 + Double(left[row * rank + $1]) * Double(right[$1 * columns + column])
                        }
                    }
                }
                return LowRankAddend(left, right, rank: rank)
            }
            for compute in computes {
                let sum = weight.tensor.adding(addends).merged(on: compute)
                #expect(sum.shape == shape)
                let values = sum.tensor(on: compute).values
                let what = "\(compute.kernelSet.name): \(shape)"
                guard columns.isMultiple(of: 8) else {
                    #expect(relativeError(values, expected) < tolerance(length: ranks.reduce(0, +)), "\(what)")
                    continue
                }
                // In blocks of 64 a value is at most half a step off, and steps are a 32767th of the largest.
                for start in stride(from: 0, to: values.count, by: 64) {
                    let block = start..<min(start + 64, values.count)
                    let largest = expected[block].map(abs).max() ?? 0
                    let limit = largest * (1 / 65_534 + Double(tolerance(length: ranks.reduce(0, +))))
                    #expect(block.allSatisfy { abs(Double(values[$0]) - expected[$0]) <= limit }, "\(what)")
                }
            }
        }
    }

    /// Blocks of zeros, of values too small for a scale and of the largest, and one that is not full.
    @Test func extremeBlocksAreKept() {
        let blocks: [Float] = [0, 1e-38, -3e38].flatMap { [Float](repeating: $0, count: 64) }
        let others: [Float] = [1] + [Float](repeating: 0, count: 63) + [2, -1, 0, 0, 0, 0, 0, 0]
        let weight = TestWeight(blocks + others, [33, 8], .float32)
        for compute in computes {
            var reads = 0
            let zero = LowRankAddend(rank: 1) {
                reads += 1
                return ([Float](repeating: 0, count: 33), [Float](repeating: 0, count: 8))
            }
            let sum = weight.tensor.adding([zero])
            let values = sum.merged(on: compute).tensor(on: compute).values
            #expect(sum.merged(on: compute).tensor(on: compute).values == values && reads == 1)
            #expect(values[0..<128].allSatisfy { $0 == 0 })
            #expect(values[128..<192].allSatisfy { abs($0 / -3e38 - 1) < 1e-6 })
            #expect(Array(values[192..<194]) == [1, 0] && values[256] == 2 && abs(values[257] + 1) < 4e-5)
        }
    }

    @Test func everyOperationTakesTheSum() {
        var random = RandomValues(seed: 10)
        let (rows, out, depth, rank) = (7, 24, 16, 3)
        let weight = TestWeight(random.floats(2 * out * depth), [2 * out, depth], .float16)
        let kernel = TestWeight(random.floats(out * 8 * 9), [out, 8, 3, 3], .float16)
        let addend = LowRankAddend(random.floats(2 * out * rank), random.floats(rank * depth), rank: rank)
        let ofKernel = LowRankAddend(random.floats(out * rank), random.floats(rank * 8 * 9), rank: rank)
        for compute in computes {
            let sum = weight.tensor.adding([addend])
            let plain = TestWeight(sum.merged(on: compute).tensor(on: compute).values, sum.shape, .float32)
            let bias = compute.tensor(random.floats(2 * out), [2 * out])
            for count in [2, rows] {  // few rows go another way
                let x = compute.tensor(random.floats(count * depth), [count, depth])
                #expect(differences(x.linear(sum).values, x.linear(plain.tensor).values) == nil)
                #expect(
                    differences(x.gatedLinear(sum, bias: bias).values, x.gatedLinear(plain.tensor, bias: bias).values)
                        == nil)
            }
            let filter = kernel.tensor.adding([ofKernel])
            let plainFilter = TestWeight(filter.merged(on: compute).tensor(on: compute).values, filter.shape, .float32)
            let image = compute.tensor(random.floats(6 * 10 * 8), [1, 6, 10, 8])
            for stride in 1...2 {  // Winograd's way and the direct one
                #expect(
                    differences(
                        image.convolution(filter, stride: stride).values,
                        image.convolution(plainFilter.tensor, stride: stride).values) == nil)
            }
        }
    }
}

extension LowRankAddend {
    fileprivate init(_ left: [Float], _ right: [Float], rank: Int) { self.init(rank: rank) { (left, right) } }
}
