/// Float formats converted eight values at a time with integer arithmetic, which every processor vectorises; the scalar
/// conversions of `Float16` are calls into a library where the compiler may not assume F16C.
///
/// Rounding is to nearest, ties to even, as IEEE 754 and PyTorch do. All pointers may be misaligned.
/// Source of the bit tricks: Fabian Giesen, "Float->half variants" and "Half->float" (public domain).
package enum FloatConversion {
    private typealias Words = SIMD8<UInt32>
    private typealias Halves = SIMD8<UInt16>
    private static let lanes = 8

    /// Narrows float32 to float16 and returns how many finite values became infinite.
    package static func narrow(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Int {
        var overflows = SIMD8<UInt32>()
        convert(source, bytesEach: 4, into: target, bytesEach: 2) { (words: Words) -> Halves in
            let (halves, overflowed) = float16(words)
            overflows = overflows &+ Words().replacing(with: 1, where: overflowed)
            return halves
        }
        return Int(overflows.wrappedSum())
    }

    /// Narrows bfloat16 to float16 and returns how many finite values became infinite.
    package static func narrowBFloat16(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer)
        -> Int
    {
        var overflows = SIMD8<UInt32>()
        convert(source, bytesEach: 2, into: target, bytesEach: 2) { (brains: Halves) -> Halves in
            let (halves, overflowed) = float16(Words(truncatingIfNeeded: brains) &<< 16)
            overflows = overflows &+ Words().replacing(with: 1, where: overflowed)
            return halves
        }
        return Int(overflows.wrappedSum())
    }

    /// Widens float16 to float32, exactly.
    package static func widen(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) {
        convert(source, bytesEach: 2, into: target, bytesEach: 4) { (halves: Halves) -> Words in
            float32(Words(truncatingIfNeeded: halves))
        }
    }

    /// Widens bfloat16 to float32, exactly.
    package static func widenBFloat16(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) {
        convert(source, bytesEach: 2, into: target, bytesEach: 4) { (brains: Halves) -> Words in
            Words(truncatingIfNeeded: brains) &<< 16
        }
    }

    /// Applies `body` to eight values at a time; the last values are padded with zeros.
    @inline(__always)
    private static func convert<Source: SIMD, Target: SIMD>(
        _ source: UnsafeRawBufferPointer, bytesEach from: Int,
        into target: UnsafeMutableRawBufferPointer, bytesEach to: Int, _ body: (Source) -> Target
    ) {
        let count = source.count / from
        precondition(source.count % from == 0 && target.count == count * to, "\(source.count) to \(target.count) bytes")
        let whole = count - count % lanes
        for index in stride(from: 0, to: whole, by: lanes) {
            let values = source.loadUnaligned(fromByteOffset: index * from, as: Source.self)
            withUnsafeBytes(of: body(values)) { converted in
                UnsafeMutableRawBufferPointer(rebasing: target[index * to..<(index + lanes) * to]).copyMemory(
                    from: converted)
            }
        }
        guard whole < count else { return }
        var rest = Source()
        withUnsafeMutableBytes(of: &rest) {
            $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[(whole * from)...]))
        }
        withUnsafeBytes(of: body(rest)) { converted in
            UnsafeMutableRawBufferPointer(rebasing: target[(whole * to)...])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: converted[..<((count - whole) * to)]))
        }
    }

    /// The float16 patterns of float32 patterns, and which lanes are finite but too large.
    @inline(__always)
    private static func float16(_ words: Words) -> (Halves, SIMDMask<SIMD8<Int32>>) {
        let sign = words & 0x8000_0000
        let size = words ^ sign
        // Normal numbers: rebias the exponent, and add just under half of the last kept bit, more when that bit is odd.
        let odd = (size &>> 13) & 1
        var halves = (size &- 0x3800_0000 &+ 0xFFF &+ odd) &>> 13
        // Below 2^-14: adding 0.5 lets the processor's own addition round at float16's smallest step of 2^-24.
        let tiny = unsafeBitCast(size, to: SIMD8<Float>.self) + SIMD8(repeating: 0.5)
        let subnormal = unsafeBitCast(tiny, to: Words.self) &- 0x3F00_0000
        halves.replace(with: subnormal, where: size .< 0x3880_0000)
        halves.replace(with: 0x7C00, where: size .>= 0x4780_0000)  // 65536 and more
        halves.replace(with: 0x7E00, where: size .> 0x7F80_0000)  // not a number
        let overflowed = (halves .== 0x7C00) .& (size .< 0x7F80_0000)
        return (Halves(truncatingIfNeeded: halves | (sign &>> 16)), overflowed)
    }

    /// The float32 patterns of float16 patterns.
    @inline(__always)
    private static func float32(_ halves: Words) -> Words {
        let shifted = (halves & 0x7FFF) &<< 13
        let exponent = shifted & 0x0F80_0000
        var words = shifted &+ 0x3800_0000
        words.replace(with: words &+ 0x3800_0000, where: exponent .== 0x0F80_0000)  // infinite or not a number
        let raised =
            unsafeBitCast(words &+ 0x0080_0000, to: SIMD8<Float>.self)
            - SIMD8(repeating: Float(bitPattern: 0x3880_0000))
        words.replace(with: unsafeBitCast(raised, to: Words.self), where: exponent .== 0)  // subnormal
        return words | (halves & 0x8000) &<< 16
    }
}
