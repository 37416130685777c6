import CKernels

/// A weight as it lies in a checkpoint: float32 or float16, row-major, never copied or widened as a whole.
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
    let base: UnsafeRawPointer
    /// Keeps the mapped file (or the converted copy) behind `base` alive.
    private let owner: AnyObject
    /// Whether the bytes are those of a file, mapped read-only.
    let isMapped: Bool

    /// - Parameters:
    ///   - shape: as PyTorch stores it, outermost side first.
    ///   - format: of the values.
    ///   - bytes: the values in the machine's byte order, aligned to their own size, exactly as many as `shape` takes.
    ///   - owner: the object that keeps `bytes` valid.
    ///   - isMapped: whether the bytes are those of a file, mapped read-only.
    public init(
        shape: [Int], format: Format, bytes: UnsafeRawBufferPointer, owner: AnyObject, isMapped: Bool = false
    ) {
        precondition(bytes.count == shape.reduce(1, *) * format.size, "\(bytes.count) bytes for shape \(shape)")
        guard let base = bytes.baseAddress else { preconditionFailure("a weight without bytes") }
        precondition(Int(bitPattern: base) % format.size == 0, "misaligned weight")
        self.shape = shape
        self.format = format
        self.base = base
        self.owner = owner
        self.isMapped = isMapped
    }

    /// The number of values.
    public var count: Int { shape.reduce(1, *) }
    var byteCount: Int { count * format.size }

    /// The kernels' flag for float16.
    var isHalf: Int32 { format == .float16 ? 1 : 0 }

    subscript(index: Int) -> Float {
        switch format {
        case .float32: base.load(fromByteOffset: index * 4, as: Float.self)
        case .float16: ck_half_to_float(base.load(fromByteOffset: index * 2, as: UInt16.self))
        }
    }

    /// All values widened to float32: for the small ones (biases, norms), not for matrices.
    public func tensor(on compute: Compute) -> Tensor {
        compute.tensor((0..<count).map { self[$0] }, shape)
    }
}
