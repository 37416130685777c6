/// What libheif will decode of a file: the primary image with its tiles and alpha (ISO/IEC 23008-12), and how large each is
/// coded, which the container's own figures need not agree with. Untrusted: what is malformed is not there.
package struct HEIFStructure {
    fileprivate typealias Reader = ByteReader<UnsafeBufferPointer<UInt8>>

    private struct Item {
        var type = ""
        /// Of the properties, from 1 on.
        var properties: [Int] = []
        var tiles: [Int] = []
        var alphas: [Int] = []
        var extents: [Range<Int>] = []
    }

    private let file: Reader
    private var items: [Int: Item] = [:]
    private var primary: Int?
    /// Each property's box, in their order.
    private var properties: [HEIFBox] = []
    private var metaBoxes = 0
    /// How much may still be looked at: of a file whose parts overlap a thousand times, not each again.
    private var budget: Int

    /// Over bytes that outlive it.
    package init(_ bytes: UnsafeBufferPointer<UInt8>) {
        file = Reader(bytes: bytes)
        budget = 1_000_000 + 2 * bytes.count
        for box in HEIFBox.all(in: 0..<bytes.count, of: file) where box.type == "meta" {
            metaBoxes += 1
            readMeta(box)
        }
    }

    /// The pixels of all that the primary image is made of, as they are coded; nil where that cannot be found out.
    package mutating func codedPixels() -> Int? {
        guard metaBoxes == 1, let primary, let pixels = codedPixels(of: primary, depth: 0) else { return nil }
        return budget > 0 ? pixels : nil
    }

    private mutating func codedPixels(of identifier: Int, depth: Int) -> Int? {
        guard depth < 4, budget > 0, let item = items[identifier] else { return nil }
        budget -= 1
        var sum = 0
        // What else libheif can decode comes with limits of its own.
        if item.type == "hvc1" || item.type == "av01" {
            guard let size = codedSize(of: item) else { return nil }
            sum = size
        }
        for part in item.tiles + (depth == 0 ? item.alphas : []) {
            guard let pixels = codedPixels(of: part, depth: depth + 1) else { return nil }
            sum = min(sum + pixels, 1 << 60)
        }
        return sum
    }

    /// The largest size that an item's configuration or data names.
    private mutating func codedSize(of item: Item) -> Int? {
        var sizes: [Int] = []
        for index in item.properties where properties.indices.contains(index - 1) {
            let box = properties[index - 1]
            switch (item.type, box.type) {
            case ("hvc1", "hvcC"): visitHEVCConfiguration(box.content) { sizes.append($0) }
            case ("av01", "av1C"):
                visitAV1(file, box.content.lowerBound + 4..<max(box.content.lowerBound + 4, box.content.upperBound)) {
                    sizes.append($0)
                }
            default: break
            }
        }
        withData(of: item) { structure, reader, range in
            if item.type == "hvc1" {
                structure.visitHEVC(reader, range) { sizes.append($0) }
            } else {
                structure.visitAV1(reader, range) { sizes.append($0) }
            }
        }
        return sizes.max()
    }

    /// An item's data in one piece.
    private mutating func withData(of item: Item, _ body: (inout HEIFStructure, Reader, Range<Int>) -> Void) {
        if item.extents.count == 1 { return body(&self, file, item.extents[0]) }
        let count = item.extents.reduce(0) { min($0 + $1.count, 1 << 60) }
        budget -= min(count, budget)
        guard budget > 0 else { return }
        let data = item.extents.flatMap { file.bytes[$0] }
        data.withUnsafeBufferPointer { body(&self, Reader(bytes: $0), 0..<count) }
    }

    // MARK: - HEVC (ITU-T H.265, ISO/IEC 14496-15)

    private mutating func visitHEVCConfiguration(_ range: Range<Int>, _ found: (Int) -> Void) {
        guard let arrays = file.byte(at: range.lowerBound + 22) else { return }
        var offset = range.lowerBound + 23
        for _ in 0..<arrays {
            guard let count = file.uint16(at: offset + 1) else { return }
            offset += 3
            for _ in 0..<count {
                budget -= 1
                guard budget > 0, let length = file.uint16(at: offset), offset + 2 + length <= range.upperBound else {
                    return
                }
                pictureSize(ofHEVCUnit: file, offset + 2, length).map(found)
                offset += 2 + length
            }
        }
    }

    /// Units behind their lengths of four bytes, which libheif takes them to have.
    private mutating func visitHEVC(_ reader: Reader, _ range: Range<Int>, _ found: (Int) -> Void) {
        var offset = range.lowerBound
        while budget > 0, offset < range.upperBound, let length = reader.uint32(at: offset) {
            budget -= 1
            offset += 4
            pictureSize(ofHEVCUnit: reader, offset, min(length, range.upperBound - offset)).map(found)
            offset += length
        }
    }

    /// The size that a sequence parameter set gives (7.3.2.2); nil for other units.
    private func pictureSize(ofHEVCUnit reader: Reader, _ offset: Int, _ length: Int) -> Int? {
        guard length > 2, let first = reader.byte(at: offset), first >> 1 & 0x3F == 33,
            let unit = reader.slice(at: offset + 2, count: min(length - 2, 1024))
        else { return nil }
        var bits = BitReader(unit, removingEmulation: true)
        bits.skip(4)
        let subLayers = bits.read(3)
        bits.skip(1 + 96)
        let present = (0..<subLayers).map { _ in (profile: bits.read(1), level: bits.read(1)) }
        if subLayers > 0 { bits.skip(2 * (8 - subLayers)) }
        for layer in present { bits.skip(88 * layer.profile + 8 * layer.level) }
        _ = bits.exponentialGolomb()
        if bits.exponentialGolomb() == 3 { bits.skip(1) }
        let (width, height) = (bits.exponentialGolomb(), bits.exponentialGolomb())
        return width.multipliedCapped(by: height)
    }

    // MARK: - AV1 (AV1 bitstream specification, 5.3 to 5.5)

    private mutating func visitAV1(_ reader: Reader, _ range: Range<Int>, _ found: (Int) -> Void) {
        var offset = range.lowerBound
        while budget > 0, offset < range.upperBound, let header = reader.byte(at: offset) {
            budget -= 1
            offset += header & 4 != 0 ? 2 : 1
            var length = range.upperBound - offset
            if header & 2 != 0 {
                length = 0
                for index in 0..<8 {
                    guard let byte = reader.byte(at: offset) else { return }
                    offset += 1
                    length |= (byte & 0x7F) << (7 * index)
                    if byte & 0x80 == 0 { break }
                }
            }
            guard offset <= range.upperBound else { return }
            let there = min(length, range.upperBound - offset)
            if header >> 3 & 0xF == 1, let unit = reader.slice(at: offset, count: min(there, 1024)) {
                found(Self.pictureSize(ofAV1Sequence: unit))
            }
            offset += there
        }
    }

    /// The largest frame that a sequence header allows (5.5.1).
    private static func pictureSize(ofAV1Sequence unit: Slice<UnsafeBufferPointer<UInt8>>) -> Int {
        var bits = BitReader(unit)
        bits.skip(4)
        if bits.read(1) == 1 {
            bits.skip(5)
        } else {
            var delayBits: Int?
            if bits.read(1) == 1 {
                bits.skip(64)
                if bits.read(1) == 1 { _ = bits.exponentialGolomb() }
                if bits.read(1) == 1 {
                    delayBits = bits.read(5) + 1
                    bits.skip(32 + 10)
                }
            }
            let hasDisplayDelay = bits.read(1) == 1
            for _ in 0...bits.read(5) {
                bits.skip(12)
                if bits.read(5) > 7 { bits.skip(1) }
                if let delayBits, bits.read(1) == 1 { bits.skip(2 * delayBits + 1) }
                if hasDisplayDelay, bits.read(1) == 1 { bits.skip(4) }
            }
        }
        let (widthBits, heightBits) = (bits.read(4) + 1, bits.read(4) + 1)
        let (width, height) = (bits.read(widthBits) + 1, bits.read(heightBits) + 1)
        return width * height
    }
}

// MARK: - The container (ISO/IEC 14496-12, 8.11)

extension HEIFStructure {
    private mutating func readMeta(_ meta: HEIFBox) {
        let boxes = HEIFBox.all(in: meta.content.dropFirst(4), of: file)
        let data = boxes.first { $0.type == "idat" }?.content
        for box in boxes {
            switch box.type {
            case "pitm": primary = file.unsigned(at: box.content.lowerBound + 4, count: box.version(file) == 0 ? 2 : 4)
            case "iinf": readTypes(box)
            case "iref": readReferences(box)
            case "iloc": readLocations(box, data: data)
            case "iprp":
                for part in HEIFBox.all(in: box.content, of: file) {
                    if part.type == "ipco" { properties += HEIFBox.all(in: part.content, of: file) }
                    if part.type == "ipma" { readAssociations(part) }
                }
            default: break
            }
        }
    }

    private func reader(_ box: HEIFBox) -> BoxReader { BoxReader(file: file, offset: box.content.lowerBound + 4) }

    private mutating func readTypes(_ box: HEIFBox) {
        let start = box.content.dropFirst(box.version(file) == 0 ? 6 : 8)
        for entry in HEIFBox.all(in: start, of: file) where entry.type == "infe" {
            let version = entry.version(file)
            guard version >= 2 else { continue }
            var fields = reader(entry)
            guard let identifier = fields.next(version == 2 ? 2 : 4), fields.next(2) != nil else { continue }
            items[identifier, default: Item()].type = file.text(at: fields.offset)
        }
    }

    private mutating func readReferences(_ box: HEIFBox) {
        let size = box.version(file) == 0 ? 2 : 4
        for reference in HEIFBox.all(in: box.content.dropFirst(4), of: file) {
            var fields = BoxReader(file: file, offset: reference.content.lowerBound)
            guard let from = fields.next(size), let count = fields.next(2) else { continue }
            for _ in 0..<count {
                budget -= 1
                guard budget > 0, let target = fields.next(size) else { break }
                if reference.type == "dimg" { items[from, default: Item()].tiles.append(target) }
                if reference.type == "auxl" { items[target, default: Item()].alphas.append(from) }
            }
        }
    }

    private mutating func readLocations(_ box: HEIFBox, data: Range<Int>?) {
        let version = box.version(file)
        var fields = reader(box)
        guard let sizes = fields.next(2), let count = fields.next(version < 2 ? 2 : 4) else { return }
        let (offsetSize, lengthSize, baseSize) = (sizes >> 12, sizes >> 8 & 0xF, sizes >> 4 & 0xF)
        let indexSize = version == 0 ? 0 : sizes & 0xF
        for _ in 0..<count {
            guard let identifier = fields.next(version < 2 ? 2 : 4), let method = version == 0 ? 0 : fields.next(2),
                fields.next(2) != nil, let base = fields.next(baseSize), let extents = fields.next(2)
            else { return }
            // A reference into another file or item, which libheif does not follow.
            let place = method & 0xF == 0 ? 0..<file.bytes.count : method & 0xF == 1 ? data : nil
            for _ in 0..<extents {
                budget -= 1
                guard budget > 0, fields.next(indexSize) != nil, let offset = fields.next(offsetSize),
                    let length = fields.next(lengthSize)
                else { return }
                let (start, overflow) = base.addingReportingOverflow(offset)
                guard let place, !overflow, start <= place.count else { continue }
                let first = place.lowerBound + start
                let end = length == 0 ? place.upperBound : first + min(length, place.upperBound - first)
                items[identifier, default: Item()].extents.append(first..<end)
            }
        }
    }

    private mutating func readAssociations(_ box: HEIFBox) {
        let isWide = (file.byte(at: box.content.lowerBound + 3) ?? 0) & 1 != 0
        let size = box.version(file) == 0 ? 2 : 4
        var fields = reader(box)
        for _ in 0..<(fields.next(4) ?? 0) {
            guard let identifier = fields.next(size), let count = fields.next(1) else { return }
            for _ in 0..<count {
                budget -= 1
                guard budget > 0, let index = fields.next(isWide ? 2 : 1) else { return }
                items[identifier, default: Item()].properties.append(index & (isWide ? 0x7FFF : 0x7F))
            }
        }
    }
}

/// A box of a file of the ISO base media format, without its header.
private struct HEIFBox {
    let type: String
    let content: Range<Int>

    /// The boxes one after another in a part of a file; what is malformed ends them.
    static func all(in range: Range<Int>, of file: HEIFStructure.Reader) -> [HEIFBox] {
        var boxes: [HEIFBox] = []
        var offset = range.lowerBound
        while range.upperBound - offset >= 8, let short = file.uint32(at: offset) {
            let header = short == 1 ? 16 : 8
            guard let size = short == 1 ? file.unsigned(at: offset + 8, count: 8) : short == 0 ? .max : short,
                size >= header
            else { break }
            let end = offset + min(size, range.upperBound - offset)
            guard offset + header <= end else { break }
            boxes.append(HEIFBox(type: file.text(at: offset + 4), content: offset + header..<end))
            offset = end
        }
        return boxes
    }

    func version(_ file: HEIFStructure.Reader) -> Int { file.byte(at: content.lowerBound) ?? 0 }
}

/// Numbers of a box, one after another.
private struct BoxReader {
    let file: HEIFStructure.Reader
    var offset: Int

    /// A number of 0 (which is 0) to 8 bytes.
    mutating func next(_ count: Int) -> Int? {
        defer { offset += count }
        return file.unsigned(at: offset, count: count)
    }
}

extension ByteReader {
    /// nil for what does not fit into a positive number, too.
    fileprivate func unsigned(at offset: Int, count: Int) -> Int? {
        guard let bytes = slice(at: offset, count: count), count < 8 || bytes.first.map({ $0 < 0x80 }) ?? false else {
            return nil
        }
        return bytes.reduce(0) { $0 << 8 | Int($1) }
    }

    fileprivate func text(at offset: Int) -> String {
        slice(at: offset, count: 4).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}

/// Bits, the highest first; zeros behind the end.
private struct BitReader {
    private let bytes: [UInt8]
    private var position = 0

    /// - Parameter removingEmulation: whether a 3 behind two zeros is no part of what is coded (H.265, 7.3.1.1).
    init(_ unit: Slice<UnsafeBufferPointer<UInt8>>, removingEmulation: Bool = false) {
        var bytes: [UInt8] = []
        var zeros = 0
        for byte in unit {
            if removingEmulation, zeros >= 2, byte == 3 {
                zeros = 0
                continue
            }
            zeros = byte == 0 ? zeros + 1 : 0
            bytes.append(byte)
        }
        self.bytes = bytes
    }

    mutating func skip(_ count: Int) { position += count }

    mutating func read(_ count: Int) -> Int {
        var value = 0
        for _ in 0..<count {
            let bit = position / 8 < bytes.count ? bytes[position / 8] >> (7 - position % 8) & 1 : 0
            value = value << 1 | Int(bit)
            position += 1
        }
        return value
    }

    /// So many zeros, a one and as many bits: H.265's ue(v) and AV1's uvlc().
    mutating func exponentialGolomb() -> Int {
        var zeros = 0
        while zeros < 32, read(1) == 0 { zeros += 1 }
        return 1 << zeros - 1 + read(zeros)
    }
}
