import Checkpoints
import Foundation
import TestSupport
import Testing

/// Against the standard library's conversions, which are correctly rounded.
@Suite struct FloatConversionTests {
    @Test func everyFloat16IsUpcast() {
        let halves = (0...UInt16.max).map { $0 }
        var floats = [Float](repeating: 0, count: halves.count)
        halves.withUnsafeBytes { source in floats.withUnsafeMutableBytes { FloatConversion.upcast(source, into: $0) } }
        for (half, float) in zip(halves, floats) {
            let expected = Float(Float16(bitPattern: half))
            #expect(float.bitPattern == expected.bitPattern || float.isNaN && expected.isNaN, "\(half)")
        }
    }

    @Test func everyBFloat16IsUpcastAndRounded() {
        let brains = (0...UInt16.max).map { $0 }
        var floats = [Float](repeating: 0, count: brains.count)
        var halves = [UInt16](repeating: 0, count: brains.count)
        var overflows = 0
        brains.withUnsafeBytes { source in
            floats.withUnsafeMutableBytes { FloatConversion.upcastBFloat16(source, into: $0) }
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

    /// By the formats' definition, in float64.
    @Test(arguments: [DataType.float8e4m3, .float8e5m2])
    func everyFloat8IsUpcast(format: DataType) {
        let patterns = (0...UInt8.max).map { $0 }
        var halves = [UInt16](repeating: 0, count: 256)
        patterns.withUnsafeBytes { source in
            halves.withUnsafeMutableBytes { FloatConversion.upcastFloat8(source, format, into: $0) }
        }
        let (bits, bias) = format == .float8e4m3 ? (3, 7) : (2, 15)
        for pattern in patterns {
            let (exponent, fraction) = (Int(pattern & 0x7F) >> bits, Double(pattern & (1 << bits - 1)))
            let size =
                exponent == 0
                ? fraction * pow(2, Double(1 - bias - bits))
                : (1 + fraction / pow(2, Double(bits))) * pow(2, Double(exponent - bias))
            let value = Float16(bitPattern: halves[Int(pattern)])
            switch (format, pattern & 0x7F) {
            case (.float8e4m3, 0x7F), (.float8e5m2, 0x7D...0x7F): #expect(value.isNaN)
            case (.float8e5m2, 0x7C): #expect(value.isInfinite)
            default: #expect(Double(value) == (pattern >= 0x80 ? -size : size), "\(pattern)")
            }
            #expect((pattern >= 0x80) == (value.sign == .minus))
        }
    }

    /// Rounded once: ties of float16, and the values beside them that float32 would make ties.
    @Test func float64IsRounded() {
        var doubles: [Double] = [
            0, -0.0, .infinity, -.infinity, .nan, 1e300, -1e300, 65504, 65519.999999, 65520, 1e-300,
            .leastNonzeroMagnitude,
        ]
        for half in stride(from: UInt16(0), to: 0x7BFF, by: 7) {
            let (low, high) = (Double(Float16(bitPattern: half)), Double(Float16(bitPattern: half + 1)))
            let tie = (low + high) / 2
            doubles += [low, tie, tie.nextUp, tie.nextDown, -tie, -tie.nextUp, tie * (1 + 1e-12), tie * (1 - 1e-12)]
        }
        var halves = [UInt16](repeating: 0, count: doubles.count)
        var floats = [Float](repeating: 0, count: doubles.count)
        var overflows = (half: 0, float: 0)
        doubles.withUnsafeBytes { source in
            overflows.half = halves.withUnsafeMutableBytes { FloatConversion.narrowFloat64(source, into: $0) }
            overflows.float = floats.withUnsafeMutableBytes { FloatConversion.narrowToFloat32(source, into: $0) }
        }
        for (index, value) in doubles.enumerated() {
            #expect(same(halves[index], Float16(value)), "\(value)")
            #expect(floats[index].bitPattern == Float(value).bitPattern || value.isNaN)
        }
        #expect(overflows.half == doubles.count { $0.isFinite && Float16($0).isInfinite } && overflows.float == 2)
    }

    /// Every exponent, both signs, and around each float16 value the ties and their neighbours.
    @Test func float32IsRounded() {
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

    @Test func shortAndMisalignedRunsAreConverted() {
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
