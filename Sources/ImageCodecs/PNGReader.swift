import CImageCodecs
import Foundation

/// libpng's reader.
final class PNGReader {
    /// The key of the text chunk that holds the generation parameters.
    static let parametersKey = "parameters"
    /// Deflate never packs better than this.
    private static let maximumCompression = 1032

    private let data: UnsafeBufferPointer<UInt8>
    private let reader: OpaquePointer
    private var header = cimage_png_header()

    static func header(of data: Data, limits: ImageLimits) throws -> ImageHeader {
        try data.withUnsafeBytes { bytes in
            let reader = try PNGReader(bytes.bindMemory(to: UInt8.self))
            try reader.readHeader(limits: limits)
            let shown = reader.orientation.shownSize(width: reader.width, height: reader.height)
            return ImageHeader(
                format: .png, width: shown.width, height: shown.height, hasAlpha: reader.header.has_alpha)
        }
    }

    static func decode(_ data: Data, limits: ImageLimits) throws -> DecodedImage {
        try data.withUnsafeBytes { bytes in
            let reader = try PNGReader(bytes.bindMemory(to: UInt8.self))
            try reader.readHeader(limits: limits)
            return try reader.readPicture()
        }
    }

    /// A reader over bytes that outlive it.
    private init(_ data: UnsafeBufferPointer<UInt8>) throws {
        guard let reader = cimage_png_reader_create(data.baseAddress, data.count) else {
            throw ImageError.damaged(.png, reason: "out of memory")
        }
        self.data = data
        self.reader = reader
    }

    deinit {
        cimage_png_reader_destroy(reader)
    }

    private var width: Int { Int(header.width) }
    private var height: Int { Int(header.height) }

    private func damage() -> ImageError {
        .damaged(.png, reason: String(cString: cimage_png_reader_message(reader)))
    }

    private func readHeader(limits: ImageLimits) throws {
        guard cimage_png_read_header(reader, &header) else { throw damage() }
        // The sides are under 2^31, the bits of a pixel at most 64.
        let bytesPerRow = (width * Int(header.bits_per_pixel) + 7) / 8
        let (unpacked, overflow) = bytesPerRow.multipliedReportingOverflow(by: height)
        try limits.check(
            width: width, height: height, format: .png, byteCount: data.count,
            minimumByteCount: overflow ? .max : unpacked / Self.maximumCompression)
    }

    private func readPicture() throws -> DecodedImage {
        var rgb = [UInt8](repeating: 0, count: 3 * width * height)
        var alpha = [UInt8](repeating: 0, count: header.has_alpha ? width * height : 0)
        let done = rgb.withUnsafeMutableBufferPointer { rgb in
            alpha.withUnsafeMutableBufferPointer { alpha in
                cimage_png_read_pixels(reader, rgb.baseAddress, header.has_alpha ? alpha.baseAddress : nil)
            }
        }
        guard done else { throw damage() }
        let orientation = orientation
        let shown = orientation.shownSize(width: width, height: height)
        rgb = orientation.apply(to: rgb, width: width, height: height, channels: 3)
        if header.has_alpha { alpha = orientation.apply(to: alpha, width: width, height: height, channels: 1) }
        return DecodedImage(
            width: shown.width, height: shown.height, rgb: rgb, alpha: header.has_alpha ? alpha : nil,
            iccProfile: iccProfile, parameters: parameters)
    }

    private var iccProfile: Data? {
        var size = 0
        guard let bytes = cimage_png_icc_profile(reader, &size) else { return nil }
        return usableICCProfile(UnsafeBufferPointer(start: bytes, count: size))
    }

    private var parameters: String? {
        let text = cimage_png_find_text(reader, Self.parametersKey)
        guard let start = text.bytes else { return nil }
        let bytes = UnsafeRawBufferPointer(start: start, count: text.size)
        return text.is_utf8
            ? String(decoding: bytes, as: UTF8.self)
            : String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
    }

    /// What the eXIf chunk says, wherever it stands: read apart from libpng, so that the header can be complete
    /// before the pixels are read.
    private var orientation: Orientation {
        let reader = ByteReader(bytes: data)
        var offset = 8
        while let length = reader.uint32(at: offset), let type = reader.slice(at: offset + 4, count: 4),
            let content = reader.slice(at: offset + 8, count: length)
        {
            if type.elementsEqual("eXIf".utf8) { return EXIF(content).orientation }
            offset += 12 + length
        }
        return .asStored
    }
}
