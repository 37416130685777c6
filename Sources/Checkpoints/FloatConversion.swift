/// Float formats converted with integer arithmetic and no branches, in loops that the compiler vectorises for every
/// processor; the conversions of `Float16` are calls into a library where it may not assume F16C. (The loops count with
/// `while` and wrapping steps because the overflow check of a range's iterator keeps them from being vectorised.)
///
/// Rounding is to nearest, ties to even, as IEEE 754 and PyTorch do. Buffers may be misaligned.
/// Source of the bit tricks: Fabian Giesen, "Float->half variants" and "Half->float" (public domain).
package enum FloatConversion {
    /// Narrows float32 to float16 and returns how many finite values became infinite.
    package static func narrow(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Int {
        let (from, to, count) = bases(source, 4, target, 2)
        guard let from, let to else { return 0 }
        var overflows: UInt32 = 0
        var index = 0
        while index < count {
            let word = from.loadUnaligned(fromByteOffset: index &* 4, as: UInt32.self)
            let half = float16(word)
            to.storeBytes(of: UInt16(truncatingIfNeeded: half), toByteOffset: index &* 2, as: UInt16.self)
            overflows &+= overflowed(word, half)
            index &+= 1
        }
        return Int(overflows)
    }

    /// Narrows bfloat16 to float16 and returns how many finite values became infinite.
    package static func narrowBFloat16(
        _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
    ) -> Int {
        let (from, to, count) = bases(source, 2, target, 2)
        guard let from, let to else { return 0 }
        var overflows: UInt32 = 0
        var index = 0
        while index < count {
            let word = UInt32(from.loadUnaligned(fromByteOffset: index &* 2, as: UInt16.self)) &<< 16
            let half = float16(word)
            to.storeBytes(of: UInt16(truncatingIfNeeded: half), toByteOffset: index &* 2, as: UInt16.self)
            overflows &+= overflowed(word, half)
            index &+= 1
        }
        return Int(overflows)
    }

    /// Upcasts float16 to float32, exactly.
    package static func upcast(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) {
        let (from, to, count) = bases(source, 2, target, 4)
        guard let from, let to else { return }
        var index = 0
        while index < count {
            let half = UInt32(from.loadUnaligned(fromByteOffset: index &* 2, as: UInt16.self))
            to.storeBytes(of: float32(half), toByteOffset: index &* 4, as: UInt32.self)
            index &+= 1
        }
    }

    /// Upcasts bfloat16 to float32, exactly.
    package static func upcastBFloat16(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) {
        let (from, to, count) = bases(source, 2, target, 4)
        guard let from, let to else { return }
        var index = 0
        while index < count {
            let brain = UInt32(from.loadUnaligned(fromByteOffset: index &* 2, as: UInt16.self))
            to.storeBytes(of: brain &<< 16, toByteOffset: index &* 4, as: UInt32.self)
            index &+= 1
        }
    }

    /// Narrows float64 to float32 and returns how many finite values became infinite.
    package static func narrowToFloat32(
        _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
    ) -> Int {
        narrowFloat64(source, into: target, size: 4) { target, offset, value in
            let narrow = Float(value)
            target.storeBytes(of: narrow.bitPattern, toByteOffset: offset, as: UInt32.self)
            return narrow.isInfinite
        }
    }

    /// Narrows float64 to float16, rounded once, and returns how many finite values became infinite.
    package static func narrowFloat64(
        _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
    ) -> Int {
        narrowFloat64(source, into: target, size: 2) { target, offset, value in
            // Rounding to odd first keeps the second rounding from going wrong (Boldo and Melquiond, 2008).
            var word = Float(value).bitPattern
            let back = Double(Float(bitPattern: word))
            if back != value, value.isFinite {
                if abs(back) > abs(value) { word &-= 1 }
                word |= 1
            }
            let half = float16(word)
            target.storeBytes(of: UInt16(truncatingIfNeeded: half), toByteOffset: offset, as: UInt16.self)
            return half & 0x7FFF == 0x7C00
        }
    }

    private static func narrowFloat64(
        _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, size: Int,
        store: (UnsafeMutableRawPointer, Int, Double) -> Bool
    ) -> Int {
        let (from, to, count) = bases(source, 8, target, size)
        guard let from, let to else { return 0 }
        var overflows = 0
        for index in 0..<count {
            let value = Double(bitPattern: from.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
            if store(to, index * size, value), value.isFinite { overflows += 1 }
        }
        return overflows
    }

    /// Widens one of the eight-bit formats to float16, which holds all their values.
    package static func upcastFloat8(
        _ source: UnsafeRawBufferPointer, _ format: DataType, into target: UnsafeMutableRawBufferPointer
    ) {
        let (from, to, count) = bases(source, 1, target, 2)
        guard let from, let to else { return }
        let table = (0...255).map { float16(ofFloat8: UInt8($0), format) }
        for index in 0..<count {
            let pattern = from.load(fromByteOffset: index, as: UInt8.self)
            to.storeBytes(of: table[Int(pattern)], toByteOffset: index * 2, as: UInt16.self)
        }
    }

    /// The float16 pattern of an eight-bit one. E5M2 is float16 cut short; E4M3 has no infinities, one pattern that is no
    /// number, and a bias of 7 (Micikevicius et al., "FP8 formats for deep learning", 2022).
    private static func float16(ofFloat8 pattern: UInt8, _ format: DataType) -> UInt16 {
        if format == .float8e5m2 { return UInt16(pattern) << 8 }
        let sign = UInt16(pattern & 0x80) << 8
        if pattern & 0x7F == 0x7F { return sign | 0x7E00 }
        let (exponent, fraction) = (Int(pattern >> 3 & 15), Float(pattern & 7))
        // Exact in float32, and in float16: the smallest step is 2^-9.
        let scale = Float(sign: .plus, exponent: max(exponent, 1) - 7, significand: 1)
        let size = (exponent == 0 ? fraction / 8 : 1 + fraction / 8) * scale
        return sign | UInt16(truncatingIfNeeded: float16(size.bitPattern))
    }

    /// How many patterns have all bits of the exponent set, which infinities and what is no number have.
    static func nonFiniteCount<Pattern: FixedWidthInteger & UnsignedInteger>(
        _ source: UnsafeRawBufferPointer, _ type: Pattern.Type, exponent: Pattern
    ) -> Int {
        guard let from = source.baseAddress else { return 0 }
        let size = MemoryLayout<Pattern>.size
        let count = source.count / size
        var found: UInt64 = 0
        var index = 0
        while index < count {
            let pattern = from.loadUnaligned(fromByteOffset: index &* size, as: Pattern.self)
            found &+= pattern & exponent == exponent ? 1 : 0
            index &+= 1
        }
        return Int(found)
    }

    /// Where the values begin, and how many there are.
    private static func bases(
        _ source: UnsafeRawBufferPointer, _ sourceSize: Int, _ target: UnsafeMutableRawBufferPointer, _ targetSize: Int
    ) -> (UnsafeRawPointer?, UnsafeMutableRawPointer?, count: Int) {
        let count = source.count / sourceSize
        precondition(
            source.count == count * sourceSize && target.count == count * targetSize && count <= UInt32.max,
            "\(source.count) bytes into \(target.count)")
        return (source.baseAddress, target.baseAddress, count)
    }

    // MARK: - One value

    /// All ones where `a < b`, both below 2^31; else zero. A mask instead of a branch lets the loops be vectorised.
    @inline(__always)
    private static func isLess(_ a: UInt32, _ b: UInt32) -> UInt32 {
        UInt32(bitPattern: Int32(bitPattern: a &- b) &>> 31)
    }

    @inline(__always)
    private static func choose(_ mask: UInt32, _ ones: UInt32, _ zeros: UInt32) -> UInt32 {
        zeros ^ ((zeros ^ ones) & mask)
    }

    /// 1 for a finite float32 pattern whose float16 is infinite, else 0.
    @inline(__always)
    private static func overflowed(_ word: UInt32, _ half: UInt32) -> UInt32 {
        isLess(0x7BFF, half & 0x7FFF) & isLess(word & 0x7FFF_FFFF, 0x7F80_0000) & 1
    }

    /// The float16 pattern of a float32 pattern.
    @inline(__always)
    private static func float16(_ word: UInt32) -> UInt32 {
        let sign = word & 0x8000_0000
        let size = word ^ sign
        // Normal numbers: rebias the exponent, and add just under half of the last kept bit, more when that bit is odd.
        let normal = (size &- 0x3800_0000 &+ 0xFFF &+ ((size &>> 13) & 1)) &>> 13
        // Below 2^-14: adding 0.5 lets the processor's own addition round at float16's smallest step of 2^-24.
        let subnormal = (Float(bitPattern: size) + 0.5).bitPattern &- 0x3F00_0000
        let large = 0x7C00 | (isLess(0x7F80_0000, size) & 0x200)  // 65536 and more, or not a number
        let half = choose(isLess(size, 0x3880_0000), subnormal, normal)
        return choose(isLess(size, 0x4780_0000), half, large) | (sign &>> 16)
    }

    /// The float32 pattern of a float16 pattern.
    @inline(__always)
    private static func float32(_ half: UInt32) -> UInt32 {
        let shifted = (half & 0x7FFF) &<< 13
        // Rebias the exponent, twice for infinity and what is not a number.
        let normal = shifted &+ 0x3800_0000 &+ (isLess(0x0F7F_FFFF, shifted) & 0x3800_0000)
        // Subnormal: let a subtraction normalise what is read as a number of the smallest normal exponent.
        let subnormal = (Float(bitPattern: shifted &+ 0x3880_0000) - Float(bitPattern: 0x3880_0000)).bitPattern
        return choose(isLess(shifted, 0x0080_0000), subnormal, normal) | (half & 0x8000) &<< 16
    }
}
