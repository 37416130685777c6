import Checkpoints
import Foundation
import TestSupport
import Testing

/// Against the standard library's conversions, which are correctly rounded.
@Suite struct FloatConversionTests {
    @Test func everyFloat16Widens() {
        let halves = (0...UInt16.max).map { $0 }
        var floats = [Float](repeating: 0, count: halves.count)
        halves.withUnsafeBytes { source in floats.withUnsafeMutableBytes { FloatConversion.widen(source, into: $0) } }
        for (half, float) in zip(halves, floats) {
            let expected = Float(Float16(bitPattern: half))
            #expect(float.bitPattern == expected.bitPattern || float.isNaN && expected.isNaN, "\(half)")
        }
    }

    @Test func everyBFloat16WidensAndNarrows() {
        let brains = (0...UInt16.max).map { $0 }
        var floats = [Float](repeating: 0, count: brains.count)
        var halves = [UInt16](repeating: 0, count: brains.count)
        var overflows = 0
        brains.withUnsafeBytes { source in
            floats.withUnsafeMutableBytes { FloatConversion.widenBFloat16(source, into: $0) }
            overflows = halves.withUnsafeMutableBytes { FloatConversion.narrowBFloat16(source, into: $0) }
        }
        var expectedOverflows = 0
        for (index, brain) in brains.enumerated() {
            let value = Float(bitPattern: UInt32(brain) << 16)
            #expect(floats[index].bitPattern == value.bitPattern)
            #expect(same(halves[index], Float16(value)), "\(value)")
            if value.isFinite && Float16(value).isInfinite { expectedOverflows += 1 }
        }
        #expect(overflows == expectedOverflows && overflows > 0)
    }

    /// Every exponent, both signs, and around each float16 value the ties and their neighbours.
    @Test func float32Narrows() {
        var floats: [Float] = []
        for half in 0..<UInt16(0x7C00) {
            let low = Float(Float16(bitPattern: half))
            let high = half == 0x7BFF ? 65536 : Float(Float16(bitPattern: half + 1))
            let tie = (low + high) / 2
            floats += [low, tie, tie.nextUp, tie.nextDown, -tie, -tie.nextUp, -low]
        }
        var random = SplitMix64(state: 3)
        floats += (0..<100_003).map { _ in Float(bitPattern: UInt32.random(in: 0...UInt32.max, using: &random)) }
        floats += [
            .infinity, -.infinity, .nan, .greatestFiniteMagnitude, .leastNonzeroMagnitude, 65504, 65519.996, 65520,
        ]
        var halves = [UInt16](repeating: 0, count: floats.count)
        let overflows = floats.withUnsafeBytes { source in
            halves.withUnsafeMutableBytes { FloatConversion.narrow(source, into: $0) }
        }
        for (float, half) in zip(floats, halves) { #expect(same(half, Float16(float)), "\(float)") }
        #expect(overflows == floats.filter { $0.isFinite && Float16($0).isInfinite }.count)
    }

    @Test func shortAndMisalignedRuns() {
        for count in 0..<20 {
            var bytes = [UInt8](repeating: 0, count: 1 + count * 4)
            let values = (0..<count).map { Float($0) - 7.25 }
            bytes.withUnsafeMutableBytes { buffer in
                for (index, value) in values.enumerated() {
                    buffer.storeBytes(of: value, toByteOffset: 1 + index * 4, as: Float.self)
                }
            }
            var halves = [Float16](repeating: 99, count: count)
            bytes.withUnsafeBytes { source in
                _ = halves.withUnsafeMutableBytes {
                    FloatConversion.narrow(UnsafeRawBufferPointer(rebasing: source[1...]), into: $0)
                }
            }
            #expect(differences(halves, values.map { Float16($0) }) == nil)
        }
    }

    private func same(_ half: UInt16, _ expected: Float16) -> Bool {
        half == expected.bitPattern || Float16(bitPattern: half).isNaN && expected.isNaN
    }
}
