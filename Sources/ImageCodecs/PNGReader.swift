import CImageCodecs
import Foundation

extension ImageFormat {
    /// Portable Network Graphics: read and written.
    public static let png: ImageFormat = .init(
        "PNG", extensions: ["png", "apng"], maximumSide: 1_000_000,
        writer: ImageWriter { image, options in try image.png(threads: options.threads) },
        matches: { $0.has(PNGChunks.signature) }, open: { try PNGReader($0, limits: $1) })
}

/// libpng's reader.
final class PNGReader: ImageReader {
    /// Deflate never packs better than this.
    private static let maximumCompression = 1032

    let header: ImageHeader
    private let chunks: PNGChunks
    private let reader: OpaquePointer
    private let stored: cimage_png_header

    init(_ bytes: UnsafeBufferPointer<UInt8>, limits: ImageLimits) throws {
        chunks = try PNGChunks(bytes)
        guard let reader = cimage_png_reader_create(bytes.baseAddress, chunks.end) else {
            throw ImageError.damaged(.png, reason: "out of memory")
        }
        self.reader = reader
        var stored = cimage_png_header()
        let isRead = cimage_png_read_header(reader, &stored)
        self.stored = stored
        var header = ImageHeader(
            format: .png, width: Int(stored.width), height: Int(stored.height), hasAlpha: stored.has_alpha,
            exif: chunks.exif ?? EXIF())
        header.parameters = chunks.parameters
        if header.metadata.resolution == nil { header.metadata.resolution = chunks.resolution }
        self.header = header
        guard isRead else { throw damage() }
        // The sides are under 2^31, the bits of a pixel at most 64.
        let bytesPerRow = (width * Int(stored.bits_per_pixel) + 7) / 8
        try limits.check(
            width: width, height: height, format: .png, byteCount: bytes.count,
            minimumByteCount: bytes.count - chunks.pixelBytes + bytesPerRow.multipliedCapped(by: height)
                / Self.maximumCompression)
    }

    deinit {
        cimage_png_reader_destroy(reader)
    }

    private var width: Int { Int(stored.width) }
    private var height: Int { Int(stored.height) }

    private func damage() -> ImageError {
        .damaged(.png, reason: String(cString: cimage_png_reader_message(reader)))
    }

    func decode() throws -> DecodedImage {
        var pixels: StoredPixels
        if let colours = chunks.colours, colours.transfer.isHighDynamicRange {
            let (rgb, alpha) = try samples(UInt16.self, cimage_png_read_wide_pixels)
            pixels = StoredPixels(
                width: width, height: height, rgb: ToneMapping(colours).toSRGB(rgb),
                alpha: stored.has_alpha ? alpha.map { UInt8($0 >> 8) } : nil)
        } else {
            let (rgb, alpha) = try samples(UInt8.self, cimage_png_read_pixels)
            pixels = StoredPixels(width: width, height: height, rgb: rgb, alpha: stored.has_alpha ? alpha : nil)
            if let profile = iccProfile {
                pixels.apply(iccProfile: profile, isGrey: stored.is_grey)
            } else {
                pixels.apply(chunks.colours)
            }
        }
        pixels.notes = chunks.notes
        return pixels.shown(chunks.exif?.orientation ?? .asStored, header)
    }

    private func samples<Sample: FixedWidthInteger>(
        _: Sample.Type,
        _ read: (OpaquePointer?, UnsafeMutablePointer<Sample>?, UnsafeMutablePointer<Sample>?) -> Bool
    ) throws -> (rgb: [Sample], alpha: [Sample]) {
        var rgb = [Sample](repeating: 0, count: 3 * width * height)
        var alpha = [Sample](repeating: 0, count: stored.has_alpha ? width * height : 0)
        let done = rgb.withUnsafeMutableBufferPointer { rgb in
            alpha.withUnsafeMutableBufferPointer { alpha in
                read(reader, rgb.baseAddress, stored.has_alpha ? alpha.baseAddress : nil)
            }
        }
        guard done else { throw damage() }
        return (rgb, alpha)
    }

    private var iccProfile: UnsafeBufferPointer<UInt8>? {
        var size = 0
        guard !chunks.hasCodes, let bytes = cimage_png_icc_profile(reader, &size) else {
            return nil
        }
        return UnsafeBufferPointer(start: bytes, count: size)
    }
}
