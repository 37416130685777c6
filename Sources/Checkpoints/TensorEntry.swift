/// Where one tensor lies in a mapped file.
public struct TensorEntry: Sendable {
    /// The tensor's full name in the file.
    public let key: String
    /// The type of its values as stored.
    public let dataType: DataType
    /// Its sides, outermost first; empty for a single value.
    public let shape: [Int]
    let file: MappedFile
    /// What the values are taken from: the tensor's own bytes, or for a strided view the part of its storage it spans.
    let byteRange: Range<Int>
    /// Steps between neighbours along each axis, in values; nil when the values lie in row-major order.
    private let strides: [Int]?

    /// A tensor whose values lie in `byteRange` in row-major order.
    init(key: String, dataType: DataType, shape: [Int], file: MappedFile, byteRange: Range<Int>) {
        precondition(byteCount(of: shape, dataType) == byteRange.count, "\(byteRange) for \(dataType) \(shape)")
        self.key = key
        self.dataType = dataType
        self.shape = shape
        self.file = file
        self.byteRange = byteRange
        strides = nil
    }

    /// A view of the values in `storage`, from value `offset` on, that is known to lie in it.
    init(
        key: String, dataType: DataType, shape: [Int], strides: [Int], file: MappedFile, storage: Range<Int>,
        offset: Int
    ) {
        guard let extent = extent(of: shape, strides: strides) else { preconditionFailure("\(shape) by \(strides)") }
        let start = storage.lowerBound + offset * dataType.byteCount
        self.key = key
        self.dataType = dataType
        self.shape = shape
        self.file = file
        byteRange = start..<start + extent * dataType.byteCount
        precondition(byteRange.upperBound <= storage.upperBound, "\(shape) by \(strides) in \(storage)")
        // The stride of an axis of length 1 is never used, and may be any number: keep it out of the arithmetic.
        self.strides = Self.isContiguous(shape, strides) ? nil : zip(shape, strides).map { $0 == 1 ? 0 : $1 }
    }

    private init(_ entry: TensorEntry, key: String, shape: [Int]) {
        self.key = key
        self.shape = shape
        dataType = entry.dataType
        file = entry.file
        byteRange = entry.byteRange
        strides = shape == entry.shape ? entry.strides : nil
    }

    /// Where a tensor lies in a file, which need not be mapped.
    struct Place: Sendable {
        fileprivate let key: String
        fileprivate let dataType: DataType
        fileprivate let shape: [Int]
        fileprivate let byteRange: Range<Int>
        fileprivate let strides: [Int]?
    }

    var place: Place { Place(key: key, dataType: dataType, shape: shape, byteRange: byteRange, strides: strides) }

    /// - Parameter file: the one that the place is of.
    init(_ place: Place, in file: MappedFile) {
        (key, dataType, shape) = (place.key, place.dataType, place.shape)
        (self.file, byteRange, strides) = (file, place.byteRange, place.strides)
    }

    /// The same tensor under another key.
    func renamed(_ key: String) -> TensorEntry {
        TensorEntry(self, key: key, shape: shape)
    }

    /// The same tensor without its last axes of length 1 beyond `rank`; other tensors are left alone.
    func dropping(trailingAxesBeyond rank: Int) -> TensorEntry {
        guard strides == nil, shape.count > rank, shape[rank...].allSatisfy({ $0 == 1 }) else { return self }
        return TensorEntry(self, key: key, shape: Array(shape[..<rank]))
    }

    /// The tensor's values: in place in the mapped file, or gathered into memory when they are not in row-major order.
    public func stored() -> StoredTensor {
        let source = file.slice(byteRange)
        guard let strides else {
            return StoredTensor(key: key, dataType: dataType, shape: shape, bytes: source, owner: file)
        }
        let copy = GatheredBytes(source, shape: shape, strides: strides, valueSize: dataType.byteCount)
        return StoredTensor(key: key, dataType: dataType, shape: shape, bytes: copy.bytes, owner: copy)
    }

    /// How many values are infinite or no number; of types other than weights none. The pages read are let go of.
    public func nonFiniteCount() -> Int {
        defer { file.release(byteRange) }
        let bytes = stored().bytes
        switch dataType {
        case .float32: return FloatConversion.nonFiniteCount(bytes, UInt32.self, exponent: 0x7F80_0000)
        case .float16: return FloatConversion.nonFiniteCount(bytes, UInt16.self, exponent: 0x7C00)
        case .bfloat16: return FloatConversion.nonFiniteCount(bytes, UInt16.self, exponent: 0x7F80)
        default: return 0
        }
    }

    /// Axes of length 1 may have any stride; an empty tensor is contiguous.
    private static func isContiguous(_ shape: [Int], _ strides: [Int]) -> Bool {
        if shape.contains(0) { return true }
        var expected = 1
        for (side, stride) in zip(shape, strides).reversed() where side != 1 {
            if stride != expected { return false }
            expected *= side
        }
        return true
    }
}

/// A tensor's values, row-major and little-endian, not necessarily aligned to their size.
public struct StoredTensor {
    /// The tensor's full name in the file.
    public let key: String
    /// The type of its values as stored.
    public let dataType: DataType
    /// Its sides, outermost first; empty for a single value.
    public let shape: [Int]
    /// Valid as long as `owner` lives.
    public let bytes: UnsafeRawBufferPointer
    /// The mapped file, or the copy of a strided view, that `bytes` lies in.
    public let owner: AnyObject
}

/// The values of a strided view, copied into row-major order.
private final class GatheredBytes {
    private let storage: UnsafeMutableRawBufferPointer
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(storage) }

    init(_ source: UnsafeRawBufferPointer, shape: [Int], strides: [Int], valueSize: Int) {
        let count = shape.reduce(1, *)
        storage = UnsafeMutableRawBufferPointer.allocate(byteCount: count * valueSize, alignment: 64)
        var index = [Int](repeating: 0, count: shape.count)
        var from = 0
        for to in 0..<count {
            for byte in 0..<valueSize { storage[to * valueSize + byte] = source[from * valueSize + byte] }
            for axis in shape.indices.reversed() {  // the next index, as an odometer counts
                index[axis] += 1
                from += strides[axis]
                if index[axis] < shape[axis] { break }
                from -= shape[axis] * strides[axis]
                index[axis] = 0
            }
        }
    }

    deinit { storage.deallocate() }
}

/// The bytes that `shape` takes in `dataType`, or nil when that overflows.
func byteCount(of shape: [Int], _ dataType: DataType) -> Int? {
    var count = dataType.byteCount
    for side in shape {
        let (product, overflow) = count.multipliedReportingOverflow(by: side)
        guard !overflow, side >= 0 else { return nil }
        count = product
    }
    return count
}
