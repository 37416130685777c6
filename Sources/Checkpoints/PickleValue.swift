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
    /// Something of no interest to a reader of weights: a real number, a set, an object of a class that is not known here.
    case opaque
}

/// A name in a pickle. None is looked up anywhere: each stands for what this reader does in its place.
enum PickleName {
    case orderedDictionary
    case defaultDictionary
    case rebuildTensor
    /// As `rebuildTensor`, of a storage of bytes: the format is told apart.
    case rebuildTypedTensor
    case rebuildParameter
    /// A tensor of a subclass: a call of another of these names, with attributes.
    case rebuildSubclass
    case size
    case storage(StorageType)
    case dataType(DataType)
    /// Calls of it yield an opaque value.
    case inert
    /// A class of some package: it may be named and its objects are opaque, but a function of one is not called.
    case unknown(module: String, name: String)

    /// What a storage holds.
    enum StorageType: Equatable {
        case values(DataType)
        /// Bytes; each tensor says what they are.
        case bytes
    }

    /// - Returns: nil for a name of Python's own library that no weight file needs: the file is an attack.
    init?(module: String, name: String) {
        if let known = Self.known["\(module).\(name)"] {
            self = known
            return
        }
        let root = module.prefix { $0 != "." }
        // Names are chains of identifiers; anything else is meant to deceive somebody.
        guard [module, name].allSatisfy(Self.isDotted), !PythonLibrary.modules.contains(String(root)) else {
            return nil
        }
        self = .unknown(module: module, name: name)
    }

    /// Whether a call of the name may stand for an object of a class: by convention classes are written so.
    static func isClass(_ name: String) -> Bool {
        name.split(separator: ".").last?.drop { $0 == "_" }.first?.isUppercase ?? false
    }

    private static func isDotted(_ text: String) -> Bool {
        text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty
                && part.unicodeScalars.allSatisfy {
                    $0 == "_" || $0.properties.isAlphabetic || $0.properties.numericType != nil
                }
        }
    }

    private static let known: [String: PickleName] = {
        var names: [String: PickleName] = [
            "collections.OrderedDict": .orderedDictionary, "collections.defaultdict": .defaultDictionary,
            "torch._utils._rebuild_tensor_v2": .rebuildTensor, "torch._utils._rebuild_tensor_v3": .rebuildTypedTensor,
            "torch._utils._rebuild_parameter": .rebuildParameter,
            "torch._utils._rebuild_parameter_with_state": .rebuildParameter,
            "torch._tensor._rebuild_from_type_v2": .rebuildSubclass, "torch.Size": .size,
            "torch.UntypedStorage": .storage(.bytes), "torch.storage.UntypedStorage": .storage(.bytes),
        ]
        let storages: [(String, DataType)] = [
            ("Double", .float64), ("Float", .float32), ("Half", .float16), ("BFloat16", .bfloat16), ("Long", .int64),
            ("Int", .int32), ("Short", .int16), ("Char", .int8), ("Byte", .uint8), ("Bool", .bool),
            ("ComplexFloat", .complex64),
        ]
        for (name, type) in storages {
            names["torch.\(name)Storage"] = .storage(.values(type))
            names["torch.cuda.\(name)Storage"] = .storage(.values(type))
        }
        let types: [(String, DataType)] = [
            ("float64", .float64), ("double", .float64), ("float32", .float32), ("float", .float32),
            ("float16", .float16), ("half", .float16), ("bfloat16", .bfloat16), ("float8_e4m3fn", .float8e4m3),
            ("float8_e5m2", .float8e5m2), ("int64", .int64), ("int32", .int32), ("int16", .int16), ("int8", .int8),
            ("uint8", .uint8), ("uint16", .uint16), ("uint32", .uint32), ("uint64", .uint64), ("bool", .bool),
        ]
        for (name, type) in types { names["torch.\(name)"] = .dataType(type) }
        // Values that settings and records of training hold.
        for builtins in ["builtins", "__builtin__"] {
            for name in [
                "set", "frozenset", "complex", "bytearray", "slice", "range", "xrange", "object", "dict", "list",
                "tuple", "int", "float", "str", "bool", "bytes",
            ] {
                names["\(builtins).\(name)"] = .inert
            }
        }
        let inert = [
            "_codecs.encode", "copyreg._reconstructor", "copy_reg._reconstructor", "collections.deque",
            "collections.Counter", "argparse.Namespace", "datetime.datetime", "datetime.date", "datetime.time",
            "datetime.timedelta", "datetime.timezone", "decimal.Decimal", "fractions.Fraction", "uuid.UUID",
            "pathlib.Path", "pathlib.PosixPath", "pathlib.WindowsPath", "pathlib.PurePosixPath",
            "pathlib.PureWindowsPath", "pathlib._local.PosixPath", "pathlib._local.WindowsPath",
            "types.SimpleNamespace",
            "typing.Any", "typing.Dict", "typing.List", "typing.Optional", "typing.Union", "enum.Enum",
            "torch.device", "torch._utils._rebuild_device_tensor_from_numpy",
            "torch._utils._rebuild_meta_tensor_no_storage",
            "torch._utils._rebuild_sparse_tensor", "torch._utils._rebuild_sparse_csr_tensor",
            "torch._utils._rebuild_qtensor", "torch._utils._rebuild_nested_tensor",
            "torch._utils._rebuild_wrapper_subclass", "torch.serialization._get_layout",
            "numpy.dtype", "numpy.ndarray", "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar",
            "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct",
            "numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer",
            "numpy.random._pickle.__randomstate_ctor",
            "numpy.random._pickle.__generator_ctor", "numpy.random._pickle.__bit_generator_ctor",
        ]
        for name in inert { names[name] = .inert }
        return names
    }()
}

/// A run of values in the file that tensors are views of.
struct PickledStorage {
    let key: String
    let type: PickleName.StorageType
    /// Number of values, or of bytes.
    let count: Int

    /// The bytes that it takes, nil when that overflows.
    var byteCount: Int? {
        switch type {
        case .values(let dataType): Checkpoints.byteCount(of: [count], dataType)
        case .bytes: count
        }
    }
}

/// A view of a storage; offset and strides count values.
struct PickledTensor {
    let storage: Int
    let dataType: DataType
    let offset: Int
    let shape: [Int]
    let strides: [Int]
}
