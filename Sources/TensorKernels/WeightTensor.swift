import CKernels

/// A weight as it lies in a checkpoint: float32 or float16, row-major, never copied or upcast as a whole; or, where something
/// was added to it, the sum in blocks.
///
/// Linear layers are `[out, in]` and convolutions `[out, in, height, width]`, as PyTorch stores them.
public struct WeightTensor {
    /// The types of weights that kernels read in place.
    public enum Format: Sendable {
        /// IEEE single and half precision.
        case float32, float16
        /// Blocks of 64 values in a row, whole numbers of 16 bits times a scale: half of float32's bytes and an eighth of
        /// float16's error. Rows have a multiple of 8 values.
        case blocks

        /// Bytes of so many values; of `blocks` a multiple of 64, or all of a weight.
        func byteCount(of values: Int) -> Int {
            switch self {
            case .float32: 4 * values
            case .float16: 2 * values
            case .blocks: (values + Int(CK_BLOCK) - 1) / Int(CK_BLOCK) * MemoryLayout<ck_block>.stride
            }
        }

        /// Bytes that values start at a multiple of.
        var alignment: Int { self == .float16 ? 2 : 4 }

        /// The kernels' name for it.
        var kernel: ck_format {
            switch self {
            case .float32: CK_FLOAT32
            case .float16: CK_FLOAT16
            case .blocks: CK_BLOCKS
            }
        }
    }

    /// The sides as PyTorch stores them, outermost first.
    public let shape: [Int]
    /// The type of its values.
    public let format: Format
    private let base: UnsafeRawPointer
    /// The mapped file, or the converted copy, behind `base`.
    private let owner: any WeightBytes
    /// Whether the bytes are those of a file, mapped read-only.
    let isMapped: Bool
    /// What is added to the values when they are first used.
    let addition: Addition?

    /// - Parameters:
    ///   - shape: as PyTorch stores it, outermost side first.
    ///   - format: of the values.
    ///   - owner: holds the values in the machine's byte order, aligned to their own size, exactly as many as `shape` takes.
    ///   - isMapped: whether the bytes are those of a file, mapped read-only.
    public init(shape: [Int], format: Format, owner: any WeightBytes, isMapped: Bool = false) {
        self.init(shape: shape, format: format, owner: owner, isMapped: isMapped, addition: nil)
    }

    private init(shape: [Int], format: Format, owner: any WeightBytes, isMapped: Bool, addition: Addition?) {
        base = owner.withBytes { bytes in
            precondition(
                bytes.count == format.byteCount(of: shape.reduce(1, *)), "\(bytes.count) bytes for shape \(shape)")
            guard let base = bytes.baseAddress else { preconditionFailure("a weight without bytes") }
            precondition(Int(bitPattern: base) % format.alignment == 0, "misaligned weight")
            return base
        }
        self.shape = shape
        self.format = format
        self.owner = owner
        self.isMapped = isMapped
        self.addition = addition
    }

    /// The weight with products added to it.
    package func adding(_ addends: [LowRankAddend]) -> WeightTensor {
        guard !addends.isEmpty else { return self }
        return WeightTensor(
            shape: shape, format: format, owner: owner, isMapped: isMapped,
            addition: Addition((addition?.addends ?? []) + addends))
    }

    /// Calls `body` with the values' address, which is valid in it only.
    func withBase<Result>(_ body: (UnsafeRawPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(owner) { try body(base) }
    }

    /// Tells weights apart; not to be followed.
    var address: UInt { UInt(bitPattern: base) }

    /// The number of values.
    public var count: Int { shape.reduce(1, *) }
    var byteCount: Int { format.byteCount(of: count) }

    subscript(index: Int) -> Float {
        withBase { base in
            switch format {
            case .float32: base.load(fromByteOffset: index * 4, as: Float.self)
            case .float16: ck_half_to_float(base.load(fromByteOffset: index * 2, as: UInt16.self))
            case .blocks:
                base.assumingMemoryBound(to: ck_block.self)[index / Int(CK_BLOCK)].value(index % Int(CK_BLOCK))
            }
        }
    }

    /// All values upcast to float32: for the small ones (biases, norms), not for matrices.
    public func tensor(on compute: Compute) -> Tensor {
        compute.tensor((0..<count).map { self[$0] }, shape)
    }
}

extension ck_block {
    /// The value of this number.
    fileprivate func value(_ index: Int) -> Float {
        withUnsafeBytes(of: values) { scale * Float($0.load(fromByteOffset: 2 * index, as: Int16.self)) }
    }
}

/// What holds a weight's values.
public protocol WeightBytes: AnyObject {
    /// Calls `body` with the values. They are at the same address each time, as long as the object is there.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result
}
