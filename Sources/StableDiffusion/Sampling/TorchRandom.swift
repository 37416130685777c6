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
        var values = uniformFloats(count: count)
        makeNormal(&values[...])
        if !count.isMultiple(of: TorchRandom.blockCount) {
            // The tail is not a block of its own: the last 16 values are drawn anew, over some already made.
            let tail = count - TorchRandom.blockCount..<count
            values.replaceSubrange(tail, with: uniformFloats(count: tail.count))
            makeNormal(&values[tail])
        }
        return values
    }

    /// Multiples of 2^-24 in [0, 1).
    private mutating func uniformFloats(count: Int) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { values, initializedCount in
            while initializedCount < count {
                if next == TorchRandom.stateCount { refill() }
                let words = state[next..<min(TorchRandom.stateCount, next + count - initializedCount)]
                for (index, word) in words.enumerated() {
                    values[initializedCount + index] = Float(Self.tempered(word) & 0xFF_FFFF) * 0x1p-24
                }
                next += words.count
                initializedCount += words.count
            }
        }
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
        defer { next += 1 }
        return Self.tempered(state[next])
    }

    private static func tempered(_ word: UInt32) -> UInt32 {
        var word = word
        word ^= word >> 11
        word ^= word << 7 & 0x9D2C_5680
        word ^= word << 15 & 0xEFC6_0000
        return word ^ word >> 18
    }

    private mutating func refill() {
        let (count, shift) = (TorchRandom.stateCount, TorchRandom.shiftCount)
        state.withUnsafeMutableBufferPointer { state in
            func renew(_ index: Int, following: Int, other: Int) {
                let mixed = state[index] & 0x8000_0000 | state[following] & 0x7FFF_FFFF
                state[index] = state[other] ^ mixed >> 1 ^ (mixed & 1) &* 0x9908_B0DF
            }
            for index in 0..<count - shift { renew(index, following: index + 1, other: index + shift) }
            for index in count - shift..<count - 1 {
                renew(index, following: index + 1, other: index + shift - count)
            }
            renew(count - 1, following: 0, other: shift - 1)
        }
        next = 0
    }
}
