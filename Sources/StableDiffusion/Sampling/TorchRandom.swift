import Foundation
import TensorKernels

/// PyTorch's CPU random generator: `torch.randn(..., generator=torch.Generator().manual_seed(seed))`, value for value.
///
/// The bits come from a 32-bit Mersenne Twister (Matsumoto and Nishimura, 1998); normal values from the Box-Muller
/// transform in one of two forms, depending on how many are asked for at once
/// (`ATen/native/cpu/DistributionTemplates.h`). A copy goes on from the same state, independently.
public struct TorchRandom: Sendable {
    private static let stateCount = 624
    private static let shiftCount = 397

    private var state: [UInt32]
    private var next = TorchRandom.stateCount
    /// The second value of the last pair drawn one by one; PyTorch keeps it in the generator from call to call.
    private var cachedNormal: Double?

    /// A generator seeded as by `manual_seed`; as there, only the lower 32 bits of the seed matter.
    public init(seed: UInt64) {
        state = [UInt32](repeating: UInt32(truncatingIfNeeded: seed), count: TorchRandom.stateCount)
        for index in 1..<TorchRandom.stateCount {
            let previous = state[index - 1]
            state[index] = 1_812_433_253 &* (previous ^ (previous >> 30)) &+ UInt32(index)
        }
    }

    /// The next `count` values of the standard normal distribution, as one call of `torch.randn` gives them.
    ///
    /// The number of values in a call matters: two calls of 16 are not one of 32, save by chance.
    public mutating func normal(count: Int) -> [Float] {
        count < TorchRandom.blockCount
            ? (0..<count).map { _ in Float(nextNormal()) }
            : normalBlocks(count: count)
    }

    // MARK: - Sixteen values or more: single precision, blocks of 16

    private static let blockCount = 16

    private mutating func normalBlocks(count: Int) -> [Float] {
        var values = (0..<count).map { _ in nextUniformFloat() }
        makeNormal(&values[...])
        if !count.isMultiple(of: TorchRandom.blockCount) {
            // The tail is not a block of its own: the last 16 values are drawn anew, over some already made.
            let tail = count - TorchRandom.blockCount..<count
            for index in tail { values[index] = nextUniformFloat() }
            makeNormal(&values[tail])
        }
        return values
    }

    /// A multiple of 2^-24 in [0, 1).
    private mutating func nextUniformFloat() -> Float {
        Float(nextWord() & 0xFF_FFFF) * 0x1p-24
    }

    // MARK: - Fewer than sixteen values: double precision, one at a time

    private mutating func nextNormal() -> Double {
        if let cached = cachedNormal {
            cachedNormal = nil
            return cached
        }
        let first = nextUniformDouble()
        let second = nextUniformDouble()
        let radius = (-2 * log1p(-second)).squareRoot()
        let angle = 2 * Double.pi * first
        cachedNormal = radius * sin(angle)
        return radius * cos(angle)
    }

    /// A multiple of 2^-53 in [0, 1).
    private mutating func nextUniformDouble() -> Double {
        let high = UInt64(nextWord())
        let low = UInt64(nextWord())
        return Double((high << 32 | low) & 0x1F_FFFF_FFFF_FFFF) * 0x1p-53
    }

    // MARK: - Mersenne Twister

    private mutating func nextWord() -> UInt32 {
        if next == TorchRandom.stateCount { refill() }
        var word = state[next]
        next += 1
        word ^= word >> 11
        word ^= word << 7 & 0x9D2C_5680
        word ^= word << 15 & 0xEFC6_0000
        return word ^ word >> 18
    }

    private mutating func refill() {
        let count = TorchRandom.stateCount
        var other = TorchRandom.shiftCount
        for index in 0..<count {
            let following = index + 1 < count ? index + 1 : 0
            let mixed = state[index] & 0x8000_0000 | state[following] & 0x7FFF_FFFF
            state[index] = state[other] ^ mixed >> 1 ^ (mixed & 1) &* 0x9908_B0DF
            other = other + 1 < count ? other + 1 : 0
        }
        next = 0
    }
}
