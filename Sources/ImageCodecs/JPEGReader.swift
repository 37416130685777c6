import CImageCodecs
import Foundation

/// libjpeg-turbo's decoder.
final class JPEGReader {
    /// A Huffman code takes at least one bit for each block of 8x8 pixels of the largest component.
    private static let maximumPixelsPerByte = 512

    private let byteCount: Int
    private let reader: OpaquePointer
    private var header = cimage_jpeg_header()

    static func header(of data: Data, limits: ImageLimits) throws -> ImageHeader {
        try data.withUnsafeBytes { bytes in
            let reader = try JPEGReader(bytes)
            try reader.readHeader(limits: limits)
            let shown = reader.exif.orientation.shownSize(width: reader.width, height: reader.height)
            return ImageHeader(format: .jpeg, width: shown.width, height: shown.height, hasAlpha: false)
        }
    }

    static func decode(_ data: Data, limits: ImageLimits) throws -> DecodedImage {
        try data.withUnsafeBytes { bytes in
            let reader = try JPEGReader(bytes)
            try reader.readHeader(limits: limits)
            return try reader.readPicture()
        }
    }

    /// A reader over bytes that outlive it.
    private init(_ data: UnsafeRawBufferPointer) throws {
        let bytes = data.bindMemory(to: UInt8.self)
        guard let reader = cimage_jpeg_reader_create(bytes.baseAddress, bytes.count) else {
            throw ImageError.damaged(.jpeg, reason: "out of memory")
        }
        self.byteCount = bytes.count
        self.reader = reader
    }

    deinit {
        cimage_jpeg_reader_destroy(reader)
    }

    private var width: Int { Int(header.width) }
    private var height: Int { Int(header.height) }

    private func damage() -> ImageError {
        .damaged(.jpeg, reason: String(cString: cimage_jpeg_reader_message(reader)))
    }

    private func readHeader(limits: ImageLimits) throws {
        guard cimage_jpeg_read_header(reader, &header) else { throw damage() }
        guard [1, 3, 4].contains(header.components) else {
            throw ImageError.unsupported(.jpeg, reason: "\(header.components) colour components")
        }
        try limits.check(
            width: width, height: height, format: .jpeg, byteCount: byteCount,
            minimumByteCount: header.is_arithmetic_coded ? 0 : width * height / Self.maximumPixelsPerByte)
    }

    private func readPicture() throws -> DecodedImage {
        var rgb = [UInt8](repeating: 0, count: 3 * width * height)
        let done = rgb.withUnsafeMutableBufferPointer { cimage_jpeg_read_pixels(reader, $0.baseAddress) }
        guard done else { throw damage() }
        let exif = exif
        let shown = exif.orientation.shownSize(width: width, height: height)
        return DecodedImage(
            width: shown.width, height: shown.height,
            rgb: exif.orientation.apply(to: rgb, width: width, height: height, channels: 3),
            iccProfile: try iccProfile(), parameters: exif.userComment)
    }

    private var exif: EXIF {
        var size = 0
        guard let bytes = cimage_jpeg_exif(reader, &size) else { return EXIF() }
        return EXIF(UnsafeBufferPointer(start: bytes, count: size))
    }

    private func iccProfile() throws -> Data? {
        var profile = cimage_buffer()
        guard cimage_jpeg_icc_profile(reader, &profile) else { throw damage() }
        defer { free(profile.bytes) }
        return usableICCProfile(UnsafeBufferPointer(start: profile.bytes, count: profile.size))
    }
}
