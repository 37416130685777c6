/// The two fields that matter here of an EXIF block, which is a small TIFF file (CIPA DC-008, TIFF 6.0).
package struct EXIF: Equatable {
    package var orientation = Orientation.asStored
    package var userComment: String?

    private enum Tag {
        static let orientation = 0x0112
        static let exifDirectory = 0x8769
        static let userComment = 0x9286
    }

    package init() {}

    /// Reads a block, which starts with the TIFF header. Untrusted: what is malformed counts as not there.
    package init(_ bytes: some RandomAccessCollection<UInt8>) {
        // A copy of a block that is never longer than the file makes the offsets start at 0.
        var reader = ByteReader(bytes: [UInt8](bytes))
        switch reader.uint16(at: 0) {
        case 0x4D4D: reader.isBigEndian = true
        case 0x4949: reader.isBigEndian = false
        default: return
        }
        guard reader.uint16(at: 2) == 42, let main = reader.uint32(at: 4) else { return }
        if let field = Field(Tag.orientation, in: main, of: reader), let value = field.integer {
            orientation = Orientation(rawValue: value) ?? .asStored
        }
        if let field = Field(Tag.exifDirectory, in: main, of: reader), let directory = field.integer {
            userComment = Field(Tag.userComment, in: directory, of: reader)?.text
        }
    }

    /// A block with a user comment, with "Exif\0\0" in front as JPEG wants it; nil when the text does not fit into a
    /// JPEG segment.
    ///
    /// UTF-16 in big-endian order in a big-endian file: how stable-diffusion-webui writes it, and right for readers
    /// that take the order from the file as for those that always take it to be big-endian.
    package static func segment(userComment: String) -> [UInt8]? {
        let comment = Array("UNICODE\0".utf8) + userComment.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
        func bytes(_ value: Int, _ count: Int) -> [UInt8] {
            (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
        func directory(tag: Int, type: Int, count: Int, value: Int) -> [UInt8] {
            bytes(1, 2) + bytes(tag, 2) + bytes(type, 2) + bytes(count, 4) + bytes(value, 4) + bytes(0, 4)
        }
        let header = Array("MM".utf8) + bytes(42, 2) + bytes(8, 4)
        let directorySize = 2 + 12 + 4
        let segment =
            Array("Exif\0\0".utf8) + header
            + directory(tag: Tag.exifDirectory, type: 4, count: 1, value: 8 + directorySize)
            + directory(tag: Tag.userComment, type: 7, count: comment.count, value: 8 + 2 * directorySize)
            + comment
        return segment.count <= 0xFFFF - 2 ? segment : nil
    }
}

/// One entry of a TIFF directory.
private struct Field {
    let type: Int
    let count: Int
    /// The 4 bytes that hold the value or its offset.
    let valueOffset: Int
    let reader: ByteReader<[UInt8]>

    /// The first entry with a tag, in the directory at an offset.
    init?(_ tag: Int, in directory: Int, of reader: ByteReader<[UInt8]>) {
        guard let entries = reader.uint16(at: directory) else { return nil }
        for entry in 0..<entries {
            let offset = directory + 2 + 12 * entry
            guard let found = reader.uint16(at: offset), let type = reader.uint16(at: offset + 2),
                let count = reader.uint32(at: offset + 4)
            else { return nil }
            if found == tag {
                self.type = type
                self.count = count
                self.valueOffset = offset + 8
                self.reader = reader
                return
            }
        }
        return nil
    }

    /// A single BYTE, SHORT or LONG.
    var integer: Int? {
        guard count == 1 else { return nil }
        return switch type {
        case 1: reader.slice(at: valueOffset, count: 1)?.first.map(Int.init)
        case 3: reader.uint16(at: valueOffset)
        case 4: reader.uint32(at: valueOffset)
        default: nil
        }
    }

    /// A text with the 8 bytes in front that name its encoding (CIPA DC-008, "UserComment").
    var text: String? {
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
    /// halves of its ASCII characters tell; a few other characters have one too, so one or two are no sign.
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
