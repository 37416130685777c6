/// A tensor's element type, spelled as safetensors headers spell it.
public enum DataType: String, Sendable, CaseIterable {
    // In the order in which `SafetensorsWriter` (and the reference implementation) lays tensors out: larger types first,
    // so that each tensor is aligned to its own values.
    /// Unsigned, 64 bits.
    case uint64 = "U64"
    /// Signed, 64 bits.
    case int64 = "I64"
    /// IEEE double precision.
    case float64 = "F64"
    /// Two IEEE single precision values.
    case complex64 = "C64"
    /// IEEE single precision.
    case float32 = "F32"
    /// Unsigned, 32 bits.
    case uint32 = "U32"
    /// Signed, 32 bits.
    case int32 = "I32"
    /// The upper half of a single precision value.
    case bfloat16 = "BF16"
    /// IEEE half precision.
    case float16 = "F16"
    /// Unsigned, 16 bits.
    case uint16 = "U16"
    /// Signed, 16 bits.
    case int16 = "I16"
    /// 8 bits: sign, 4 of exponent, 3 of fraction.
    case float8e4m3 = "F8_E4M3"
    /// 8 bits: sign, 5 of exponent, 2 of fraction.
    case float8e5m2 = "F8_E5M2"
    /// Signed, 8 bits.
    case int8 = "I8"
    /// Unsigned, 8 bits.
    case uint8 = "U8"
    /// One byte, 0 or 1.
    case bool = "BOOL"

    /// Bytes one value takes.
    public var byteCount: Int {
        switch self {
        case .float64, .int64, .uint64, .complex64: 8
        case .float32, .int32, .uint32: 4
        case .float16, .bfloat16, .int16, .uint16: 2
        case .float8e4m3, .float8e5m2, .int8, .uint8, .bool: 1
        }
    }

    /// Whether a model's weights may be stored so; the other types are read in headers only.
    public var isWeightType: Bool {
        switch self {
        case .float64, .float32, .float16, .bfloat16, .float8e4m3, .float8e5m2: true
        default: false
        }
    }
}
