/// A tensor's element type, spelled as safetensors headers spell it.
public enum DataType: String, Sendable, CaseIterable {
    // In the order in which `SafetensorsWriter` (and the reference implementation) lays tensors out: larger types first,
    // so that each tensor is aligned to its own values.
    case uint64 = "U64"
    case int64 = "I64"
    case float64 = "F64"
    case complex64 = "C64"
    case float32 = "F32"
    case uint32 = "U32"
    case int32 = "I32"
    case bfloat16 = "BF16"
    case float16 = "F16"
    case uint16 = "U16"
    case int16 = "I16"
    case float8e4m3 = "F8_E4M3"
    case float8e5m2 = "F8_E5M2"
    case int8 = "I8"
    case uint8 = "U8"
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
