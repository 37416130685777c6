extension StoredTensor {
    /// Values `range` (all, if left out) as float32, which holds every format's values but float64's. The tensor is one of
    /// floats.
    package func floats(_ range: Range<Int>? = nil) -> [Float] {
        let range = range ?? 0..<shape.reduce(1, *)
        let size = dataType.byteCount
        return withBytes { bytes in
            let source = UnsafeRawBufferPointer(rebasing: bytes[range.lowerBound * size..<range.upperBound * size])
            return [Float](unsafeUninitializedCapacity: range.count) { floats, count in
                Self.upcast(source, dataType, into: UnsafeMutableRawBufferPointer(floats))
                count = range.count
            }
        }
    }

    private static func upcast(
        _ source: UnsafeRawBufferPointer, _ type: DataType, into target: UnsafeMutableRawBufferPointer
    ) {
        switch type {
        case .float64: _ = FloatConversion.narrowToFloat32(source, into: target)
        case .float32: target.copyMemory(from: source)
        case .float16: FloatConversion.upcast(source, into: target)
        case .bfloat16: FloatConversion.upcastBFloat16(source, into: target)
        case .float8e4m3, .float8e5m2:
            withUnsafeTemporaryAllocation(byteCount: 2 * source.count, alignment: 2) { halves in
                FloatConversion.widenFloat8(source, type, into: halves)
                FloatConversion.upcast(UnsafeRawBufferPointer(halves), into: target)
            }
        default: preconditionFailure("\(type.rawValue) is no weight")
        }
    }
}
