/// The fields that matter here of an EXIF block, which is a small TIFF file (CIPA DC-008, TIFF 6.0).
package struct EXIF: Equatable {
    package var orientation = Orientation.asStored
    package var userComment: String?
    package var metadata = ImageMetadata()

    private enum Tag {
        static let orientation = 0x0112
        static let resolutionAcross = 0x011A
        static let resolutionDown = 0x011B
        static let resolutionUnit = 0x0128
        static let exifDirectory = 0x8769
        static let userComment = 0x9286
    }

    /// Of a text that is kept.
    private static let longestText = 1000

    package init() {}

    init(orientation: Orientation) { self.orientation = orientation }

    /// Reads a block, which starts with the TIFF header. Untrusted: what is malformed counts as not there.
    package init(_ bytes: some RandomAccessCollection<UInt8>) {
        // A copy of a block that is never longer than the file makes the offsets start at 0.
        let block = [UInt8](bytes)
        self = block.withUnsafeBufferPointer { TIFFStructure($0).map(EXIF.init) ?? EXIF() }
    }

    init(_ file: TIFFStructure) {
        let main = TIFFDirectory(at: file.firstDirectory, of: file)
        if let value = main?[Tag.orientation]?.integer { orientation = Orientation(rawValue: value) ?? .asStored }
        var directories = [main]
        if let offset = main?[Tag.exifDirectory]?.integer {
            let directory = TIFFDirectory(at: offset, of: file)
            userComment = directory?[Tag.userComment]?.comment
            directories.append(directory)
        }
        for field in ImageMetadata.Field.allCases {
            guard let text = directories[field.isInExifDirectory ? directories.count - 1 : 0]?[field.rawValue]?.text,
                text.utf8.count <= Self.longestText
            else { continue }
            metadata.texts[field] = text
        }
        if let across = main?[Tag.resolutionAcross]?.rational, let down = main?[Tag.resolutionDown]?.rational {
            // 2: inch, which is also what is meant when nothing is said; 3: centimetre; 1: only a ratio.
            let unit = main?[Tag.resolutionUnit]?.integer ?? 2
            if unit == 2 || unit == 3 {
                let perInch = unit == 3 ? 2.54 : 1
                metadata.resolution = .init(across: across * perInch, down: down * perInch)
            }
        }
    }

    /// What JPEG and some writers of other formats put in front of a block.
    package static let jpegSignature = Array("Exif\0\0".utf8)

    /// A block with a user comment and what a photo said of itself; nil when there is nothing to say.
    ///
    /// UTF-16 in big-endian order in a big-endian file: how stable-diffusion-webui writes it, and right for readers
    /// that take the order from the file as for those that always take it to be big-endian.
    package static func block(userComment: String?, metadata: ImageMetadata) -> [UInt8]? {
        var main: [TIFFEntry] = []
        var own: [TIFFEntry] = []
        for (field, text) in metadata.texts {
            let entry = TIFFEntry(tag: field.rawValue, text: text)
            if field.isInExifDirectory { own.append(entry) } else { main.append(entry) }
        }
        if let resolution = metadata.resolution {
            main.append(TIFFEntry(tag: Tag.resolutionAcross, rational: resolution.across))
            main.append(TIFFEntry(tag: Tag.resolutionDown, rational: resolution.down))
            main.append(TIFFEntry(tag: Tag.resolutionUnit, short: 2))
        }
        if let userComment {
            let content = Array("UNICODE\0".utf8) + userComment.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
            own.append(TIFFEntry(tag: Tag.userComment, type: 7, count: content.count, content: content))
        }
        if main.isEmpty, own.isEmpty { return nil }
        let header = Array("MM".utf8) + bigEndianBytes(42, 2) + bigEndianBytes(8, 4)
        guard !own.isEmpty else { return header + TIFFEntry.directory(main, at: header.count) }
        // The pointer's own value does not change how long the main directory is.
        func mainDirectory(_ offset: Int) -> [UInt8] {
            TIFFEntry.directory(main + [TIFFEntry(tag: Tag.exifDirectory, long: offset)], at: header.count)
        }
        let offset = header.count + mainDirectory(0).count
        return header + mainDirectory(offset) + TIFFEntry.directory(own, at: offset)
    }

    /// The block as a JPEG segment's content; nil when it does not fit into one.
    package static func segment(_ block: [UInt8]) -> [UInt8]? {
        let segment = jpegSignature + block
        return segment.count <= 0xFFFF - 2 ? segment : nil
    }
}

private func bigEndianBytes(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
}

/// An entry of a directory to write, in big-endian order.
private struct TIFFEntry {
    let tag: Int
    let type: Int
    let count: Int
    let content: [UInt8]

    init(tag: Int, type: Int, count: Int, content: [UInt8]) {
        (self.tag, self.type, self.count, self.content) = (tag, type, count, content)
    }

    init(tag: Int, text: String) {
        let content = Array(text.utf8) + [0]
        self.init(tag: tag, type: 2, count: content.count, content: content)
    }

    init(tag: Int, short value: Int) { self.init(tag: tag, type: 3, count: 1, content: bigEndianBytes(value, 2)) }

    init(tag: Int, long value: Int) { self.init(tag: tag, type: 4, count: 1, content: bigEndianBytes(value, 4)) }

    init(tag: Int, rational value: Double) {
        let denominator = value == value.rounded() ? 1 : 1000
        let content = bigEndianBytes(Int((value * Double(denominator)).rounded()), 4) + bigEndianBytes(denominator, 4)
        self.init(tag: tag, type: 5, count: 1, content: content)
    }

    /// The entries in the order of their tags, and behind them what does not fit into them.
    static func directory(_ entries: [TIFFEntry], at offset: Int) -> [UInt8] {
        var outside: [UInt8] = []
        let outsideOffset = offset + 2 + 12 * entries.count + 4
        var bytes = bigEndianBytes(entries.count, 2)
        for entry in entries.sorted(by: { $0.tag < $1.tag }) {
            bytes += bigEndianBytes(entry.tag, 2) + bigEndianBytes(entry.type, 2) + bigEndianBytes(entry.count, 4)
            if entry.content.count <= 4 {
                bytes += entry.content + [UInt8](repeating: 0, count: 4 - entry.content.count)
            } else {
                bytes += bigEndianBytes(outsideOffset + outside.count, 4)
                outside += entry.content
                if !outside.count.isMultiple(of: 2) { outside.append(0) }
            }
        }
        return bytes + bigEndianBytes(0, 4) + outside
    }
}
