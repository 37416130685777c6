/// A dense float32 array, row-major; images are channels-last: `[batch, height, width, channels]`.
///
/// Values are never changed after the operation that made the tensor has returned, so sharing storage is safe; only a
/// tensor that is given away, and that nothing else refers to, may be written over.
public struct Tensor {
    final class Storage {
        let base: UnsafeMutablePointer<Float>
        private let bytes: Int
        private let arena: Arena
        /// Of the channels of the last operation's result, if that has added them up.
        var channelSums: ChannelSums?

        init(arena: Arena, count: Int) {
            bytes = count * MemoryLayout<Float>.stride
            self.arena = arena
            base = arena.allocate(bytes: bytes).bindMemory(to: Float.self, capacity: count)
        }

        deinit { arena.deallocate(base, bytes: bytes) }
    }

    /// The sides, outermost first.
    public let shape: [Int]
    /// The threads and memory that operations on this tensor use.
    public let compute: Compute
    private(set) var storage: Storage
    let offset: Int

    init(shape: [Int], storage: Storage, offset: Int, compute: Compute) {
        self.shape = shape
        self.storage = storage
        self.offset = offset
        self.compute = compute
    }

    package var pointer: UnsafeMutablePointer<Float> { storage.base + offset }

    /// The number of values.
    public var count: Int { shape.reduce(1, *) }

    /// The values in row-major order, copied.
    public var values: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }

    /// Where the operation that made the values has added them up. They lie with the storage: a tensor of more than four
    /// words would be passed by address, and would not always be given away when it should be.
    var channelSums: ChannelSums? {
        get { storage.channelSums.flatMap { $0.belong(to: shape) ? $0 : nil } }
        nonmutating set { storage.channelSums = newValue }
    }

    /// Whether nothing else refers to these values.
    var isUnique: Bool {
        mutating get { isKnownUniquelyReferenced(&storage) }
    }

    /// Whether no value is infinite or NaN.
    package var isFinite: Bool {
        // The exponent's bits are all set in such values, which are the largest when their bits are read as an integer.
        let bits = UnsafeBufferPointer(start: pointer, count: count)
        return bits.reduce(0) { max($0, $1.bitPattern & 0x7FFF_FFFF) } < Float.infinity.bitPattern
    }

    /// The same values under another shape; `shape`'s product must stay the same.
    public func reshaped(_ shape: [Int]) -> Tensor {
        precondition(shape.reduce(1, *) == count, "cannot reshape \(self.shape) to \(shape)")
        return Tensor(shape: shape, storage: storage, offset: offset, compute: compute)
    }

    /// A view of entries `range` of the first axis (for example some branches of a batch), without a copy.
    public func slice(_ range: Range<Int>) -> Tensor {
        precondition(range.lowerBound >= 0 && range.upperBound <= shape[0], "slice \(range) of \(shape)")
        let stride = shape.dropFirst().reduce(1, *)
        return Tensor(
            shape: [range.count] + shape.dropFirst(), storage: storage, offset: offset + range.lowerBound * stride,
            compute: compute)
    }
}
