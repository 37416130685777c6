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

    private init(_ entry: TensorEntry, key: String, shape: [Int], strides: [Int]?) {
        self.key = key
        self.shape = shape
        self.strides = strides
        dataType = entry.dataType
        file = entry.file
        byteRange = entry.byteRange
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
        TensorEntry(self, key: key, shape: shape, strides: strides)
    }

    /// The same tensor in `shape`, or nil unless the two differ in trailing axes of length 1 alone: a matrix may be stored
    /// as a convolution of one pixel and the other way round. A vector is no matrix.
    func shaped(_ shape: [Int]) -> TensorEntry? {
        func matrix(_ shape: [Int]) -> ArraySlice<Int> {
            let kept = shape.lastIndex { $0 != 1 } ?? -1
            return shape.prefix(max(2, kept + 1))
        }
        guard shape != self.shape else { return self }
        guard min(shape.count, self.shape.count) >= 2, matrix(shape) == matrix(self.shape) else { return nil }
        let common = min(shape.count, self.shape.count)
        return TensorEntry(
            self, key: key, shape: shape,
            strides: strides.map { Array($0.prefix(common)) + repeatElement(0, count: shape.count - common) })
    }

    /// The tensor's values: in place in the mapped file, or gathered into memory when they are not in row-major order.
    public func stored() -> StoredTensor {
        let source = file.slice(byteRange)
        guard let strides else {
            return StoredTensor(key: key, dataType: dataType, shape: shape, storage: .file(source))
        }
        let copy = GatheredBytes(source, shape: shape, strides: strides, valueSize: dataType.byteCount)
        return StoredTensor(key: key, dataType: dataType, shape: shape, storage: .gathered(copy))
    }

    /// How many values are infinite or no number; of types other than weights none. The pages read are released.
    public func nonFiniteCount() -> Int {
        defer { file.release(byteRange) }
        return stored().withBytes { bytes in
            switch dataType {
            case .float64: FloatConversion.nonFiniteCount(bytes, UInt64.self, exponent: 0x7FF0_0000_0000_0000)
            case .float32: FloatConversion.nonFiniteCount(bytes, UInt32.self, exponent: 0x7F80_0000)
            case .float16: FloatConversion.nonFiniteCount(bytes, UInt16.self, exponent: 0x7C00)
            case .bfloat16: FloatConversion.nonFiniteCount(bytes, UInt16.self, exponent: 0x7F80)
            case .float8e5m2: FloatConversion.nonFiniteCount(bytes, UInt8.self, exponent: 0x7C)
            case .float8e4m3: FloatConversion.nonFiniteCount(bytes, UInt8.self, exponent: 0x7F)
            default: 0
            }
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

/// A tensor's values, row-major and little-endian, not necessarily aligned to their size. What holds them lives as long as
/// this value, and their address is given to closures only.
public struct StoredTensor: Sendable {
    fileprivate enum Storage: Sendable {
        case file(FileBytes)
        case gathered(GatheredBytes)
    }

    /// The tensor's full name in the file.
    public let key: String
    /// The type of its values as stored.
    public let dataType: DataType
    /// Its sides, outermost first; empty for a single value.
    public let shape: [Int]
    private let storage: Storage

    fileprivate init(key: String, dataType: DataType, shape: [Int], storage: Storage) {
        (self.key, self.dataType, self.shape, self.storage) = (key, dataType, shape, storage)
    }

    /// Whether the values are those of a file, mapped read-only, whose pages may be released.
    public var isMapped: Bool {
        if case .file(let bytes) = storage { bytes.file.isFileBacked } else { false }
    }

    /// Calls `body` with the values' bytes. They stay where they are as long as this value is there; in other hands the
    /// address is good for nothing.
    public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        switch storage {
        case .file(let bytes): try bytes.withBytes(body)
        case .gathered(let bytes): try bytes.withBytes(body)
        }
    }
}

/// The values of a strided view, copied into row-major order.
private final class GatheredBytes: @unchecked Sendable {  // immutable after `init`
    private let memory: UnsafeMutableRawBufferPointer

    init(_ source: FileBytes, shape: [Int], strides: [Int], valueSize: Int) {
        let count = shape.reduce(1, *)
        memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count * valueSize, alignment: 64)
        source.withBytes { source in
            var index = [Int](repeating: 0, count: shape.count)
            var from = 0
            for to in 0..<count {
                for byte in 0..<valueSize { memory[to * valueSize + byte] = source[from * valueSize + byte] }
                for axis in shape.indices.reversed() {  // the next index, as an odometer counts
                    index[axis] += 1
                    from += strides[axis]
                    if index[axis] < shape[axis] { break }
                    from -= shape[axis] * strides[axis]
                    index[axis] = 0
                }
            }
        }
    }

    deinit { memory.deallocate() }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try body(UnsafeRawBufferPointer(memory)) }
    }
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
