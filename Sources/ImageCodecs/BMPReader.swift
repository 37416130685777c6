import Foundation

extension ImageFormat {
    /// Windows and OS/2 bitmaps: read.
    public static let bmp: ImageFormat = .init(
        "BMP", extensions: ["bmp", "dib"], maximumSide: 1_000_000,
        matches: { start in
            // Two letters are little to go by: the size of the header must be one that there is.
            start.has("BM") && BMPReader.headerSizes.contains { start.has([UInt8($0), 0, 0, 0], at: 14) }
        },
        open: { try BMPReader($0, limits: $1) })
}

/// A Windows or OS/2 bitmap: 1 to 32 bits per pixel, uncompressed, run lengths or bit fields (BITMAPINFOHEADER and its
/// successors, Microsoft).
struct BMPReader: ImageReader {
    static let headerSizes = [12, 40, 52, 56, 64, 108, 124]

    private enum Compression {
        static let (none, runLengths8, runLengths4, bitFields, alphaBitFields) = (0, 1, 2, 3, 6)
    }

    let header: ImageHeader
    private let bytes: ByteReader<UnsafeBufferPointer<UInt8>>
    private let bits: Int
    private let compression: Int
    private let isTopDown: Bool
    private let pixelOffset: Int
    /// Red, green, blue and alpha in a pixel's number.
    private let masks: [UInt32]
    /// RGB, and the bytes of an entry.
    private let palette: (offset: Int, count: Int, entry: Int)

    init(_ data: UnsafeBufferPointer<UInt8>, limits: ImageLimits) throws {
        var bytes = ByteReader(bytes: data)
        bytes.isBigEndian = false
        self.bytes = bytes
        guard let pixelOffset = bytes.uint32(at: 10), let size = bytes.uint32(at: 14), Self.headerSizes.contains(size),
            bytes.slice(at: 14, count: size) != nil
        else { throw Self.cutOff }
        self.pixelOffset = pixelOffset
        let isOld = size == 12
        let width = isOld ? bytes.uint16(at: 18) : bytes.uint32(at: 18)
        let height = isOld ? bytes.uint16(at: 20) : bytes.uint32(at: 22).map { Int(Int32(truncatingIfNeeded: $0)) }
        guard let width, let height, let bits = bytes.uint16(at: isOld ? 24 : 28), height != Int(Int32.min) else {
            throw Self.cutOff
        }
        self.bits = bits
        isTopDown = height < 0
        compression = isOld ? 0 : bytes.uint32(at: 30) ?? 0
        switch (compression, bits) {
        case (Compression.none, 1), (Compression.none, 2), (Compression.none, 4), (Compression.none, 8),
            (Compression.none, 16), (Compression.none, 24), (Compression.none, 32), (Compression.runLengths8, 8),
            (Compression.runLengths4, 4), (Compression.bitFields, 16), (Compression.bitFields, 32),
            (Compression.alphaBitFields, 16), (Compression.alphaBitFields, 32):
            break
        default: throw ImageError.unsupported(.bmp, reason: "\(bits) bits per pixel, compression \(compression)")
        }
        let hasMasks = compression == Compression.bitFields || compression == Compression.alphaBitFields
        let hasAlphaMask = hasMasks && (size >= 56 || compression == Compression.alphaBitFields)
        if hasMasks {
            let found = (0..<(hasAlphaMask ? 4 : 3)).compactMap { bytes.uint32(at: 54 + 4 * $0).map(UInt32.init) }
            guard found.count >= 3, found.prefix(3).allSatisfy({ $0 != 0 }) else {
                throw ImageError.damaged(.bmp, reason: "no masks of the colours")
            }
            masks = found.count == 4 ? found : found + [0]
        } else {
            masks = bits == 16 ? [0x7C00, 0x03E0, 0x001F, 0] : [0xFF0000, 0xFF00, 0xFF, 0]
        }
        let entry = isOld ? 3 : 4
        let afterHeader = 14 + size + (hasMasks && size == 40 ? (hasAlphaMask ? 16 : 12) : 0)
        let used = isOld ? 0 : bytes.uint32(at: 46) ?? 0
        let most = bits <= 8 ? 1 << bits : 0
        palette = (afterHeader, used > 0 ? min(used, most) : most, entry)
        header = ImageHeader(format: .bmp, width: width, height: abs(height), hasAlpha: masks[3] != 0)
        try limits.check(
            width: width, height: abs(height), format: .bmp, byteCount: data.count,
            minimumByteCount: compression == Compression.runLengths8 || compression == Compression.runLengths4
                ? 0 : rowBytes.multipliedCapped(by: abs(height)))
    }

    private static var cutOff: ImageError { .damaged(.bmp, reason: "the file ends early") }

    /// Rows are whole numbers of four bytes.
    private var rowBytes: Int { (header.width * bits + 31) / 32 * 4 }

    func decode() throws -> DecodedImage {
        let (width, height) = (header.width, header.height)
        var rgb = [UInt8](repeating: 0, count: 3 * width * height)
        var alpha = [UInt8](repeating: 255, count: header.hasAlpha ? width * height : 0)
        if bits <= 8 {
            let colours = try self.colours()
            let indices = compression == Compression.none ? try storedIndices() : try unpackedIndices()
            for (pixel, index) in indices.enumerated() {
                // An index without a colour is black, as elsewhere.
                guard 3 * Int(index) + 2 < colours.count else { continue }
                for channel in 0..<3 { rgb[3 * pixel + channel] = colours[3 * Int(index) + channel] }
            }
        } else {
            let fields = masks.map(BitField.init)
            let bytesPerPixel = bits / 8
            for y in 0..<height {
                guard let row = bytes.slice(at: pixelOffset + y * rowBytes, count: bytesPerPixel * width) else {
                    throw Self.cutOff
                }
                for x in 0..<width {
                    var value: UInt32 = 0
                    for index in 0..<bytesPerPixel {
                        value |= UInt32(row[row.startIndex + bytesPerPixel * x + index]) << UInt32(8 * index)
                    }
                    let pixel = y * width + x
                    for channel in 0..<3 { rgb[3 * pixel + channel] = fields[channel].value(of: value) }
                    if header.hasAlpha { alpha[pixel] = fields[3].value(of: value) }
                }
            }
        }
        let pixels = StoredPixels(width: width, height: height, rgb: rgb, alpha: header.hasAlpha ? alpha : nil)
        return pixels.shown(isTopDown ? .asStored : .flipped, header)
    }

    private func colours() throws -> [UInt8] {
        guard let table = bytes.slice(at: palette.offset, count: palette.count * palette.entry) else {
            throw Self.cutOff
        }
        return (0..<palette.count).flatMap { index in
            (0..<3).map { table[table.startIndex + palette.entry * index + 2 - $0] }
        }
    }

    private func storedIndices() throws -> [UInt8] {
        let (width, height) = (header.width, header.height)
        var indices = [UInt8](repeating: 0, count: width * height)
        for y in 0..<height {
            guard let row = bytes.slice(at: pixelOffset + y * rowBytes, count: (width * bits + 7) / 8) else {
                throw Self.cutOff
            }
            for x in 0..<width {
                let byte = row[row.startIndex + x * bits / 8]
                let shift = 8 - bits - x * bits % 8
                indices[y * width + x] = bits == 8 ? byte : (byte >> UInt8(shift)) & UInt8(1 << bits - 1)
            }
        }
        return indices
    }

    /// Pairs of a count and a value; a count of 0 ends the row (0), the image (1), moves on (2), or comes before values
    /// that are stored as they are.
    private func unpackedIndices() throws -> [UInt8] {
        let (width, height) = (header.width, header.height)
        var indices = [UInt8](repeating: 0, count: width * height)
        var (x, y, offset) = (0, 0, pixelOffset)
        func put(_ value: Int, _ index: Int) {
            guard x < width, y < height else { return }
            indices[y * width + x] = UInt8(bits == 8 ? value : index.isMultiple(of: 2) ? value >> 4 : value & 15)
            x += 1
        }
        while y < height {
            guard let count = bytes.byte(at: offset), let value = bytes.byte(at: offset + 1) else { throw Self.cutOff }
            offset += 2
            switch (count, value) {
            case (1..., _):
                for index in 0..<count { put(value, index) }
            case (_, 0): (x, y) = (0, y + 1)
            case (_, 1): return indices
            case (_, 2):
                guard let right = bytes.byte(at: offset), let down = bytes.byte(at: offset + 1) else {
                    throw Self.cutOff
                }
                (x, y, offset) = (x + right, y + down, offset + 2)
            default:
                let size = bits == 8 ? value : (value + 1) / 2
                guard let stored = bytes.slice(at: offset, count: size) else { throw Self.cutOff }
                for index in 0..<value { put(Int(stored[stored.startIndex + (bits == 8 ? index : index / 2)]), index) }
                offset += size + size % 2
            }
        }
        return indices
    }

    /// Some bits of a number, as a value up to 255.
    private struct BitField {
        private let shift: Int
        private let largest: Int

        init(_ mask: UInt32) {
            shift = mask == 0 ? 0 : mask.trailingZeroBitCount
            largest = Int(mask >> UInt32(shift))
        }

        func value(of number: UInt32) -> UInt8 {
            guard largest > 0 else { return 0 }
            let value = Int(number >> UInt32(shift)) & largest
            return UInt8((value * 255 + largest / 2) / largest)
        }
    }
}
