import CImageCodecs
import Foundation

extension ImageFormat {
    /// JPEG: read and written.
    public static let jpeg: ImageFormat = .init(
        "JPEG", extensions: ["jpg", "jpeg", "jpe", "jfif", "mpo"], maximumSide: 65_500,
        writer: ImageWriter(takesQuality: true, hasAlpha: false, hasRoomForParameters: JPEGReader.hasRoom) {
            image, options in try image.jpeg(quality: options.quality)
        },
        matches: { $0.has([0xFF, 0xD8, 0xFF]) }, open: { try JPEGReader($0, limits: $1) })
}

/// libjpeg-turbo's decoder. Of files that hold more (a gain map, a film, a second view behind the image) the first
/// image is read.
final class JPEGReader: ImageReader {
    /// A Huffman code takes at least one bit for each block of 8x8 pixels of the largest component.
    private static let maximumPixelsPerByte = 512

    let header: ImageHeader
    private let reader: OpaquePointer
    private let stored: cimage_jpeg_header
    private let exif: EXIF

    /// Whether a text fits into an EXIF segment.
    static func hasRoom(_ parameters: String) -> Bool {
        EXIF.block(userComment: parameters, metadata: ImageMetadata()).flatMap(EXIF.segment) != nil
    }

    init(_ bytes: UnsafeBufferPointer<UInt8>, limits: ImageLimits) throws {
        guard let reader = cimage_jpeg_reader_create(bytes.baseAddress, bytes.count) else {
            throw ImageError.damaged(.jpeg, reason: "out of memory")
        }
        self.reader = reader
        var stored = cimage_jpeg_header()
        let isRead = cimage_jpeg_read_header(reader, &stored)
        self.stored = stored
        exif = isRead ? Self.exif(reader) : EXIF()
        var header = ImageHeader(
            format: .jpeg, width: Int(stored.width), height: Int(stored.height), hasAlpha: false, exif: exif)
        if header.metadata.resolution == nil {
            header.metadata.resolution = .init(
                across: Double(stored.pixels_per_inch.0), down: Double(stored.pixels_per_inch.1))
        }
        self.header = header
        guard isRead else {
            throw cimage_jpeg_is_unsupported(reader)
                ? ImageError.unsupported(.jpeg, reason: "lossless or of more than 8 bits, as medical images are")
                : damage()
        }
        guard [1, 3, 4].contains(stored.components) else {
            throw ImageError.unsupported(.jpeg, reason: "\(stored.components) colour components")
        }
        try limits.check(
            width: width, height: height, format: .jpeg, byteCount: bytes.count,
            minimumByteCount: stored.is_arithmetic_coded ? 0 : width * height / Self.maximumPixelsPerByte)
    }

    deinit {
        cimage_jpeg_reader_destroy(reader)
    }

    var orientation: Orientation { exif.orientation }
    private var width: Int { Int(stored.width) }
    private var height: Int { Int(stored.height) }

    private func damage() -> ImageError {
        .damaged(.jpeg, reason: String(cString: cimage_jpeg_reader_message(reader)))
    }

    func decode() throws -> DecodedImage {
        let isCMYK = stored.components == 4
        var samples = [UInt8](repeating: 0, count: (isCMYK ? 4 : 3) * width * height)
        var damaged = cimage_jpeg_damage()
        let done = samples.withUnsafeMutableBufferPointer {
            cimage_jpeg_read_pixels(reader, $0.baseAddress, &damaged)
        }
        guard done else { throw damage() }
        var profile = cimage_buffer()
        guard cimage_jpeg_icc_profile(reader, &profile) else { throw damage() }
        defer { free(profile.bytes) }
        let icc = UnsafeBufferPointer(start: profile.bytes, count: profile.size)
        if isCMYK { samples = StoredPixels.rgb(cmyk: samples, inverted: true, profile: icc) }
        var pixels = StoredPixels(width: width, height: height, rgb: samples)
        pixels.apply(iccProfile: icc, isGrey: stored.components == 1)
        if damaged.missing_rows > 0 {
            pixels.notes.append("it is cut off: the last \(damaged.missing_rows) of \(height) rows are missing")
        }
        if damaged.left_over_bytes > 0 {
            pixels.notes.append("it is damaged: \(damaged.left_over_bytes) bytes of it belong to no pixel")
        }
        return pixels.shown(exif.orientation, header)
    }

    private static func exif(_ reader: OpaquePointer) -> EXIF {
        var size = 0
        guard let bytes = cimage_jpeg_exif(reader, &size) else { return EXIF() }
        return EXIF(UnsafeBufferPointer(start: bytes, count: size))
    }
}
