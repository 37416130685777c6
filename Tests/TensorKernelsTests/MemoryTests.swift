import TensorKernels
import TestSupport
import Testing

@Suite struct MemoryTests {
    /// A residual that is given away becomes the result: no more memory is taken than there was.
    @Test func residualsGivenAwayAreReused() throws {
        let compute = try Compute(threads: 2)
        var random = RandomValues(seed: 13)
        let weight = TestWeight(random.floats(64 * 64 * 9), [64, 64, 3, 3], .float32).tensor
        let image = compute.tensor(random.floats(80 * 80 * 64), [1, 80, 80, 64])
        func residual() -> Tensor { compute.tensor(random.floats(image.count), image.shape) }
        func peakGivingAway() -> Int {
            _ = image.convolution(weight, adding: residual())
            return compute.peakBytes
        }
        func peakKeeping() -> Int {
            let kept = residual()
            _ = image.convolution(weight, adding: kept)
            return withExtendedLifetime(kept) { compute.peakBytes }
        }
        let reused = peakGivingAway()
        #expect(peakKeeping() - reused >= 4 * image.count)
    }

    /// Memory that is given back is cleared when it is used again, memory that is kept is not.
    @Test func memoryIsGivenBack() throws {
        let (compute, count) = try (Compute(threads: 1), 1 << 20)
        do { _ = compute.tensor([Float](repeating: 1, count: count), [count]) }
        compute.trim(keeping: count)
        let values = compute.empty([count]).values
        #expect(values.prefix(count / 4).allSatisfy { $0 == 1 } && values.suffix(count / 2).allSatisfy { $0 == 0 })
    }

    /// A second pass of the same work takes the memory of the first: the arena does not grow.
    @Test func memoryIsReused() throws {
        let compute = try Compute(threads: 2)
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
