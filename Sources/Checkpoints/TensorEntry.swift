/// Where one tensor lies in a mapped file.
public struct TensorEntry: Sendable {
    public let key: String
    public let dataType: DataType
    public let shape: [Int]
    let file: MappedFile
    let byteRange: Range<Int>

    /// The tensor's values, in place in the mapped file.
    public func stored() -> StoredTensor {
        StoredTensor(key: key, dataType: dataType, shape: shape, bytes: file.slice(byteRange), owner: file)
    }
}

/// A tensor's values, row-major and little-endian, not necessarily aligned to their size.
public struct StoredTensor {
    public let key: String
    public let dataType: DataType
    public let shape: [Int]
    /// Valid as long as `owner` lives.
    public let bytes: UnsafeRawBufferPointer
    public let owner: AnyObject
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
