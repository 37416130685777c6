import TensorKernels
import TestSupport
import Testing

@Suite struct DeterminismTests {
    /// The same bytes for any number of threads, on shapes that are cut into many pieces.
    @Test func resultsDoNotDependOnThreads() {
        func results(threads: Int, _ instructionSet: Compute.InstructionSet) -> [[Float]] {
            let compute = Compute(threads: threads, instructionSet: instructionSet)
            var random = RandomValues(seed: 11)
            let image = compute.tensor(random.floats(2 * 30 * 50 * 24), [2, 30, 50, 24])
            let tokens = image.reshaped([2, 1500, 24])
            let square = TestWeight(random.floats(48 * 24 * 9), [48, 24, 3, 3], .float16).tensor
            let many = TestWeight(random.floats(640 * 24 * 9), [640, 24, 3, 3], .float16).tensor
            let matrix = TestWeight(random.floats(700 * 24), [700, 24], .float16).tensor
            let (weight, bias) = (compute.tensor(random.floats(24), [24]), compute.tensor(random.floats(24), [24]))
            let norm = image.groupNorm(groups: 4, weight: weight, bias: bias, epsilon: 1e-5)
            let wide = TestWeight(random.floats(256 * 24 * 9), [256, 24, 3, 3], .float16).tensor
            let deep = TestWeight(random.floats(24 * 256 * 9), [24, 256, 3, 3], .float16).tensor
            // Its blocks depend on the number of threads.
            let large = image.convolution(wide).convolution(deep)
            let largeNorm = large.groupNorm(groups: 4, weight: weight, bias: bias, epsilon: 1e-5)
            return [
                large, largeNorm.scale, largeNorm.shift, image.convolution(square, normalizedBySiLU: norm),
                image.slice(0..<1).convolution(many), image.convolution(square, stride: 2),
                tokens.linear(matrix), tokens.attention(keys: tokens, values: tokens, heads: 3),
                tokens.layerNorm(weight: weight, bias: bias, epsilon: 1e-5), norm.scale, norm.shift,
            ].map(\.values)
        }
        for instructionSet in Compute.InstructionSet.allCases {
            let one = results(threads: 1, instructionSet)
            for threads in [2, 3, 8] { #expect(results(threads: threads, instructionSet) == one) }
        }
    }

    /// A residual that is given away becomes the result: no more memory is taken than there was.
    @Test func residualsGivenAwayAreReused() {
        let compute = Compute(threads: 2)
        var random = RandomValues(seed: 13)
        let weight = TestWeight(random.floats(64 * 64 * 9), [64, 64, 3, 3], .float32).tensor
        let image = compute.tensor(random.floats(80 * 80 * 64), [1, 80, 80, 64])
        func peak(givesAway: Bool) -> Int {
            let residual = compute.tensor(random.floats(image.count), image.shape)
            let other = givesAway ? nil : residual
            _ = image.convolution(weight, adding: consume residual)
            withExtendedLifetime(other) {}
            return compute.peakBytes
        }
        let reused = peak(givesAway: true)
        #expect(peak(givesAway: false) - reused >= 4 * image.count)
    }

    /// Memory that is given back is cleared when it is used again, memory that is kept is not.
    @Test func memoryIsGivenBack() {
        let (compute, count) = (Compute(threads: 1), 1 << 20)
        do { _ = compute.tensor([Float](repeating: 1, count: count), [count]) }
        compute.trim(keeping: count)
        let values = compute.empty([count]).values
        #expect(values.prefix(count / 4).allSatisfy { $0 == 1 } && values.suffix(count / 2).allSatisfy { $0 == 0 })
    }

    @Test func infinitiesAndNaNsAreFound() {
        let compute = Compute(threads: 1)
        func isFinite(_ value: Float) -> Bool { compute.tensor([0, -1, value, 3], [4]).isFinite }
        for value: Float in [0, -0.0, .greatestFiniteMagnitude, -.greatestFiniteMagnitude, .leastNonzeroMagnitude] {
            #expect(isFinite(value))
        }
        for value: Float in [.infinity, -.infinity, .nan, .signalingNaN, -.nan] { #expect(!isFinite(value)) }
    }

    /// A second pass of the same work takes the memory of the first: the arena does not grow.
    @Test func memoryIsReused() {
        let compute = Compute(threads: 2)
        var random = RandomValues(seed: 12)
        let weight = TestWeight(random.floats(64 * 64 * 9), [64, 64, 3, 3], .float32).tensor
        let image = compute.tensor(random.floats(40 * 40 * 64), [1, 40, 40, 64])
        func pass() -> Int {
            var x = image
            for _ in 0..<4 { x = x.convolution(weight, adding: x) }
            return compute.peakBytes
        }
        let first = pass()
        #expect(first > image.count * 4)
        for _ in 0..<5 { #expect(pass() == first) }
    }
}
