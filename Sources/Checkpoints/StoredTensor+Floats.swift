extension TensorEntry {
    /// All values as float32, as `StoredTensor.floats`; pages of the file that are read for it are given back.
    package func readFloats() -> [Float] {
        defer { file.release(byteRange) }
        return stored().floats()
    }

    /// The value of a tensor that holds a single number, of any type but complex; nil for any other.
    package var number: Double? {
        guard shape.reduce(1, *) == 1 else { return nil }
        func integer<Value: FixedWidthInteger>(_ type: Value.Type) -> Double {
            stored().withBytes { Double(Value(littleEndian: $0.loadUnaligned(as: type))) }
        }
        switch dataType {
        case .int64: return integer(Int64.self)
        case .uint64: return integer(UInt64.self)
        case .int32: return integer(Int32.self)
        case .uint32: return integer(UInt32.self)
        case .int16: return integer(Int16.self)
        case .uint16: return integer(UInt16.self)
        case .int8: return integer(Int8.self)
        case .uint8, .bool: return integer(UInt8.self)
        case .complex64: return nil
        case .float64, .float32, .float16, .bfloat16, .float8e4m3, .float8e5m2:
            return Double(stored().floats()[0])
        }
    }
}

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
                FloatConversion.upcastFloat8(source, type, into: halves)
                FloatConversion.upcast(UnsafeRawBufferPointer(halves), into: target)
            }
        default: preconditionFailure("\(type.rawValue) is no weight")
        }
    }
}
