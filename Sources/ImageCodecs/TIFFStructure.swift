/// The structure of a TIFF file: directories of tagged values (TIFF 6.0). Untrusted: what is malformed is not there.
struct TIFFStructure {
    fileprivate let reader: ByteReader<UnsafeBufferPointer<UInt8>>
    let firstDirectory: Int

    /// Over bytes that outlive it; nil when they do not start like a TIFF file.
    init?(_ bytes: UnsafeBufferPointer<UInt8>) {
        var reader = ByteReader(bytes: bytes)
        switch reader.uint16(at: 0) {
        case 0x4D4D: reader.isBigEndian = true
        case 0x4949: reader.isBigEndian = false
        default: return nil
        }
        // Some cameras' raw files have a number of their own here: 0x55 (Panasonic), "RO" and "RS" (Olympus).
        guard let magic = reader.uint16(at: 2), [42, 0x55, 0x4F52, 0x5352].contains(magic),
            let first = reader.uint32(at: 4)
        else { return nil }
        self.reader = reader
        firstDirectory = first
    }
}

struct TIFFDirectory {
    private let offset: Int
    private let file: TIFFStructure
    private let entries: Int

    /// nil when there is none at the offset.
    init?(at offset: Int, of file: TIFFStructure) {
        guard let entries = file.reader.uint16(at: offset) else { return nil }
        self.offset = offset
        self.file = file
        self.entries = entries
    }

    /// The first entry with a tag.
    subscript(tag: Int) -> TIFFField? {
        for entry in 0..<entries {
            let offset = offset + 2 + 12 * entry
            guard let found = file.reader.uint16(at: offset) else { return nil }
            if found == tag { return TIFFField(at: offset, of: file.reader) }
        }
        return nil
    }

    /// Where the next directory of the chain is.
    var next: Int? { file.reader.uint32(at: offset + 2 + 12 * entries).flatMap { $0 == 0 ? nil : $0 } }
}

/// One entry of a TIFF directory.
struct TIFFField {
    private let type: Int
    private let count: Int
    /// The 4 bytes that hold the value or its offset.
    private let valueOffset: Int
    private let reader: ByteReader<UnsafeBufferPointer<UInt8>>

    fileprivate init?(at offset: Int, of reader: ByteReader<UnsafeBufferPointer<UInt8>>) {
        guard let type = reader.uint16(at: offset + 2), let count = reader.uint32(at: offset + 4) else { return nil }
        self.type = type
        self.count = count
        valueOffset = offset + 8
        self.reader = reader
    }

    /// A single BYTE, SHORT or LONG.
    var integer: Int? { count == 1 ? integers.first : nil }

    /// The first BYTEs, SHORTs or LONGs, at most 64.
    var integers: [Int] {
        let size = [1: 1, 3: 2, 4: 4, 13: 4][type] ?? 0
        guard size > 0, count > 0 else { return [] }
        let start = count * size <= 4 ? valueOffset : reader.uint32(at: valueOffset) ?? .max
        return (0..<min(count, 64)).compactMap { index in
            guard start <= Int.max - index * size else { return nil }
            let offset = start + index * size
            return switch size {
            case 1: reader.slice(at: offset, count: 1)?.first.map(Int.init)
            case 2: reader.uint16(at: offset)
            default: reader.uint32(at: offset)
            }
        }
    }

    /// Where bytes of UNDEFINED lie.
    var range: (offset: Int, count: Int)? {
        guard type == 7, count > 4, let offset = reader.uint32(at: valueOffset) else { return nil }
        return (offset, count)
    }

    /// A single RATIONAL.
    var rational: Double? {
        guard type == 5, count == 1, let offset = reader.uint32(at: valueOffset),
            let numerator = reader.uint32(at: offset), let denominator = reader.uint32(at: offset + 4), denominator > 0
        else { return nil }
        return Double(numerator) / Double(denominator)
    }

    /// An ASCII text without its end and the spaces around it, nil when nothing is left. Bytes above 127 are UTF-8 or
    /// become replacement characters.
    var text: String? {
        guard type == 2, count > 0 else { return nil }
        let start = count <= 4 ? valueOffset : reader.uint32(at: valueOffset) ?? .max
        guard let bytes = reader.slice(at: start, count: count) else { return nil }
        let scalars = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self).unicodeScalars.filter {
            $0.properties.generalCategory != .control
        }
        let text = String(String.UnicodeScalarView(scalars))
        let trimmed = text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
        return trimmed.isEmpty ? nil : String(trimmed)
    }

    /// A text with the 8 bytes in front that name its encoding (CIPA DC-008, "UserComment").
    var comment: String? {
        guard type == 7 || type == 2 || type == 1, count > 8, let offset = reader.uint32(at: valueOffset),
            let bytes = reader.slice(at: offset, count: count)
        else { return nil }
        let content = bytes.dropFirst(8)
        let text =
            bytes.starts(with: "UNICODE\0".utf8)
            ? Self.decodeUTF16(Array(content), fileIsBigEndian: reader.isBigEndian)
            : String(decoding: content, as: UTF8.self)
        let trimmed = text.prefix { $0 != "\0" }
        return trimmed.isEmpty ? nil : String(trimmed)
    }

    /// UTF-16 whose byte order writers disagree on: some follow the file's, some always write big-endian. The zero
    /// halves of its ASCII characters show; a few other characters have one too, so one or two are no sign.
    private static func decodeUTF16(_ bytes: [UInt8], fileIsBigEndian: Bool) -> String {
        var zeros = (high: 0, low: 0)
        for (index, byte) in bytes.enumerated() where byte == 0 {
            if index.isMultiple(of: 2) == fileIsBigEndian { zeros.high += 1 } else { zeros.low += 1 }
        }
        let isBigEndian = (zeros.low > zeros.high + 2) != fileIsBigEndian
        var units = stride(from: 0, to: bytes.count - 1, by: 2).map { index in
            let pair = (UInt16(bytes[index]), UInt16(bytes[index + 1]))
            return isBigEndian ? pair.0 << 8 | pair.1 : pair.1 << 8 | pair.0
        }
        if units.first == 0xFEFF { units.removeFirst() }
        return String(decoding: units, as: UTF16.self)
    }
}
