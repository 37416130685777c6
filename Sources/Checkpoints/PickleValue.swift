/// A value of a pickle. Containers are indices into the machine's arrays: a pickle may nest a million tuples or put a
/// list into itself, and neither costs a stack or leaks.
enum PickleValue {
    case none
    case bool(Bool)
    case int(Int)
    case text(String)
    case tuple(Int)
    case list(Int)
    case dictionary(Int)
    case name(PickleName)
    case storage(Int)
    case tensor(Int)
    /// Something of no interest to a reader of weights: a real number, a numpy scalar.
    case opaque
}

/// The only names a pickle may use. None is looked up anywhere: each stands for what this reader does in its place.
enum PickleName {
    case orderedDictionary
    case rebuildTensor
    case rebuildParameter
    case size
    case storage(DataType)
    /// Calls of these yield an opaque value: learning rates that Lightning's original checkpoints keep as numpy scalars.
    case numpyScalar
    case numpyDataType
    case encode
    /// A key of the `callbacks` of Lightning's original checkpoints; it cannot be called.
    case modelCheckpoint

    init?(module: String, name: String) {
        switch (module, name) {
        case ("collections", "OrderedDict"): self = .orderedDictionary
        case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
        case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
        case ("torch", "Size"): self = .size
        case ("torch", "DoubleStorage"): self = .storage(.float64)
        case ("torch", "FloatStorage"): self = .storage(.float32)
        case ("torch", "HalfStorage"): self = .storage(.float16)
        case ("torch", "BFloat16Storage"): self = .storage(.bfloat16)
        case ("torch", "LongStorage"): self = .storage(.int64)
        case ("torch", "IntStorage"): self = .storage(.int32)
        case ("torch", "ShortStorage"): self = .storage(.int16)
        case ("torch", "CharStorage"): self = .storage(.int8)
        case ("torch", "ByteStorage"): self = .storage(.uint8)
        case ("torch", "BoolStorage"): self = .storage(.bool)
        case ("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar"): self = .numpyScalar
        case ("numpy", "dtype"): self = .numpyDataType
        case ("_codecs", "encode"): self = .encode
        case ("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint"): self = .modelCheckpoint
        default: return nil
        }
    }
}

/// A run of values in the file that tensors are views of.
struct PickledStorage {
    let key: String
    let dataType: DataType
    /// Number of values.
    let count: Int
}

/// A view of a storage; offset and strides count values.
struct PickledTensor {
    let storage: Int
    let offset: Int
    let shape: [Int]
    let strides: [Int]
}
