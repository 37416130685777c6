import Checkpoints
import TensorKernels

extension WeightTensor {
    /// The stored values where they lie, or a copy if the kernels cannot read them there: in float16 if they were stored in
    /// eight bits, else in float32.
    ///
    /// - Parameter compute: where the weight will be used; a planner gets no copy's values.
    init(_ stored: StoredTensor, for compute: Compute) {
        let isAligned = stored.withBytes { Int(bitPattern: $0.baseAddress) % stored.dataType.byteCount == 0 }
        switch stored.dataType {
        case .float32 where isAligned, .float16 where isAligned:
            self.init(
                shape: stored.shape, format: stored.dataType == .float32 ? .float32 : .float16,
                owner: StoredWeight(stored), isMapped: stored.isMapped)
        default:
            let isHalf = [.float8e4m3, .float8e5m2].contains(stored.dataType)
            let owner: any WeightBytes =
                if compute.isPlanner {
                    PlannedCopy(stored, valueSize: isHalf ? 2 : 4)
                } else if isHalf {
                    stored.withBytes { bytes in
                        WeightCopy(byteCount: 2 * bytes.count) {
                            FloatConversion.upcastFloat8(bytes, stored.dataType, into: $0)
                        }
                    }
                } else {
                    WeightCopy(stored.floats())
                }
            self.init(shape: stored.shape, format: isHalf ? .float16 : .float32, owner: owner)
        }
    }
}

/// A weight's values where the checkpoint has them.
private final class StoredWeight: WeightBytes {
    private let stored: StoredTensor

    init(_ stored: StoredTensor) { self.stored = stored }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try stored.withBytes(body) }
    }
}

/// Stands for the copy of a weight that a planner does not need: as many bytes at an address of its own, never followed.
private final class PlannedCopy: WeightBytes {
    private let stored: StoredTensor
    private let byteCount: Int

    init(_ stored: StoredTensor, valueSize: Int) {
        self.stored = stored
        byteCount = valueSize * stored.shape.reduce(1, *)
    }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try stored.withBytes { bytes in
            let address = UInt(bitPattern: bytes.baseAddress) / 4 * 4
            return try body(UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: address), count: byteCount))
        }
    }
}

/// A weight's values in a format that the kernels read.
private final class WeightCopy: WeightBytes {
    private let memory: UnsafeMutableRawBufferPointer

    init(byteCount: Int, fill: (UnsafeMutableRawBufferPointer) -> Void) {
        memory = .allocate(byteCount: byteCount, alignment: 64)
        fill(memory)
    }

    convenience init(_ floats: [Float]) {
        self.init(byteCount: 4 * floats.count) { memory in floats.withUnsafeBytes { memory.copyMemory(from: $0) } }
    }

    deinit { memory.deallocate() }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try body(UnsafeRawBufferPointer(memory)) }
    }
}
