/// Integers out of untrusted bytes: nil instead of a trap for whatever lies outside.
struct ByteReader<Bytes: RandomAccessCollection> where Bytes.Element == UInt8, Bytes.Index == Int {
    let bytes: Bytes
    var isBigEndian = true

    /// `count` bytes from `offset` (from the start, whatever the collection's first index is).
    func slice(at offset: Int, count: Int) -> Bytes.SubSequence? {
        guard offset >= 0, count >= 0, offset <= bytes.count, count <= bytes.count - offset else { return nil }
        let start = bytes.startIndex + offset
        return bytes[start..<start + count]
    }

    func byte(at offset: Int) -> Int? {
        guard offset >= 0, offset < bytes.count else { return nil }
        return Int(bytes[bytes.startIndex + offset])
    }

    func uint16(at offset: Int) -> Int? { integer(at: offset, count: 2) }

    func uint32(at offset: Int) -> Int? { integer(at: offset, count: 4) }

    private func integer(at offset: Int, count: Int) -> Int? {
        slice(at: offset, count: count).map { slice in
            isBigEndian
                ? slice.reduce(0) { $0 << 8 | Int($1) }
                : slice.reversed().reduce(0) { $0 << 8 | Int($1) }
        }
    }
}
