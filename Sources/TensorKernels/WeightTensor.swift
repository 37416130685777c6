import CKernels

/// A weight as it lies in a checkpoint: float32 or float16, row-major, never copied or upcast as a whole.
///
/// Linear layers are `[out, in]` and convolutions `[out, in, height, width]`, as PyTorch stores them.
public struct WeightTensor {
    /// The types of weights that kernels read in place.
    public enum Format: Sendable {
        /// IEEE single and half precision.
        case float32, float16

        /// Bytes of one value.
        var size: Int { self == .float32 ? 4 : 2 }
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
    /// What is added to the values where they are used.
    let addends: [LowRankAddend]

    /// - Parameters:
    ///   - shape: as PyTorch stores it, outermost side first.
    ///   - format: of the values.
    ///   - owner: holds the values in the machine's byte order, aligned to their own size, exactly as many as `shape` takes.
    ///   - isMapped: whether the bytes are those of a file, mapped read-only.
    public init(shape: [Int], format: Format, owner: any WeightBytes, isMapped: Bool = false) {
        self.init(shape: shape, format: format, owner: owner, isMapped: isMapped, addends: [])
    }

    private init(
        shape: [Int], format: Format, owner: any WeightBytes, isMapped: Bool, addends: [LowRankAddend]
    ) {
        base = owner.withBytes { bytes in
            precondition(bytes.count == shape.reduce(1, *) * format.size, "\(bytes.count) bytes for shape \(shape)")
            guard let base = bytes.baseAddress else { preconditionFailure("a weight without bytes") }
            precondition(Int(bitPattern: base) % format.size == 0, "misaligned weight")
            return base
        }
        self.shape = shape
        self.format = format
        self.owner = owner
        self.isMapped = isMapped
        self.addends = addends
    }

    /// The weight with products added to it.
    package func adding(_ addends: [LowRankAddend]) -> WeightTensor {
        WeightTensor(
            shape: shape, format: format, owner: owner, isMapped: isMapped, addends: self.addends + addends)
    }

    /// Calls `body` with the values' address, which is valid in it only.
    func withBase<Result>(_ body: (UnsafeRawPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(owner) { try body(base) }
    }

    /// Tells weights apart; not to be followed.
    var address: UInt { UInt(bitPattern: base) }

    /// The number of values.
    public var count: Int { shape.reduce(1, *) }
    var byteCount: Int { count * format.size }

    /// The kernels' flag for float16.
    var isHalf: Int32 { format == .float16 ? 1 : 0 }

    subscript(index: Int) -> Float {
        withBase { base in
            switch format {
            case .float32: base.load(fromByteOffset: index * 4, as: Float.self)
            case .float16: ck_half_to_float(base.load(fromByteOffset: index * 2, as: UInt16.self))
            }
        }
    }

    /// All values upcast to float32: for the small ones (biases, norms), not for matrices.
    public func tensor(on compute: Compute) -> Tensor {
        compute.tensor((0..<count).map { self[$0] }, shape)
    }
}

/// What holds a weight's values.
public protocol WeightBytes: AnyObject {
    /// Calls `body` with the values. They are at the same address each time, as long as the object is there.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result
}
