import Checkpoints
import TensorKernels

extension StoredTensor {
    /// Values `range` (all, if left out) as float32, which holds float16 and bfloat16 exactly.
    func floats(_ range: Range<Int>? = nil) -> [Float] {
        let range = range ?? 0..<shape.reduce(1, *)
        return switch dataType {
        case .float32: range.map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
        case .float16: range.map { Float(bytes.loadUnaligned(fromByteOffset: $0 * 2, as: Float16.self)) }
        case .bfloat16:
            range.map { Float(bitPattern: UInt32(bytes.loadUnaligned(fromByteOffset: $0 * 2, as: UInt16.self)) << 16) }
        default: preconditionFailure("\(key) of type \(dataType.rawValue) is no weight")
        }
    }
}

extension WeightTensor {
    /// The stored values where they lie, or a float32 copy if the kernels cannot read them there.
    ///
    /// - Parameter compute: where the weight will be used; a planner gets no copy's values.
    init(_ stored: StoredTensor, for compute: Compute) {
        let format: Format? =
            switch stored.dataType {
            case .float32: .float32
            case .float16: .float16
            default: nil
            }
        let alignment = format == .float32 ? 4 : 2
        if let format, let base = stored.bytes.baseAddress, Int(bitPattern: base) % alignment == 0 {
            self.init(
                shape: stored.shape, format: format, bytes: stored.bytes, owner: stored.owner,
                isMapped: stored.owner is MappedFile)
        } else if compute.isPlanner, let base = stored.bytes.baseAddress {
            // An address of its own for the copy that is not made; a planner never follows it.
            let address = base - Int(bitPattern: base) % 4
            self.init(
                shape: stored.shape, format: .float32,
                bytes: UnsafeRawBufferPointer(start: address, count: 4 * stored.shape.reduce(1, *)),
                owner: stored.owner)
        } else {
            let copy = FloatBuffer(stored.floats())
            self.init(shape: stored.shape, format: .float32, bytes: copy.bytes, owner: copy)
        }
    }
}

/// Float32 values at an address that stays.
private final class FloatBuffer {
    private let values: UnsafeMutableBufferPointer<Float>
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(values) }

    init(_ source: [Float]) {
        values = .allocate(capacity: source.count)
        _ = values.initialize(from: source)
    }

    deinit { values.deallocate() }
}
