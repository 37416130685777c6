import CImageCodecs
import Foundation

extension ImageFormat {
    /// JPEG XL: read and written where libjxl is installed.
    public static let jpegXL: ImageFormat = .init(
        "JPEG XL", extensions: ["jxl"], maximumSide: 1 << 20,
        library: ImageLibrary(
            package: "libjxl0.7 (Debian 12) or libjxl0.11 (Debian 13)",
            isReadable: { cimage_jxl_decoder().pointee.is_available() },
            isWritable: { cimage_jxl_decoder().pointee.is_available() }),
        writer: ImageWriter(takesQuality: true, hasLossless: true) { image, options in
            try image.jpegXL(quality: options.quality, lossless: options.isLossless)
        },
        matches: {
            $0.has([0xFF, 0x0A])
                || $0.has([0, 0, 0, 12, 0x4A, 0x58, 0x4C, 0x20, 0x0D, 0x0A, 0x87, 0x0A])  // a container's first box
        },
        open: { bytes, limits in
            try LibraryReader(
                jpegXL, cimage_jxl_decoder(), bytes, limits: limits, exif: exif(inBoxesOf: bytes), turnsItself: true)
        })

    /// The Exif box of a container (ISO/IEC 18181-2), whose first four bytes say where the TIFF header is. Boxes that are
    /// compressed are not looked into.
    private static func exif(inBoxesOf bytes: UnsafeBufferPointer<UInt8>) -> EXIF {
        let reader = ByteReader(bytes: bytes)
        var offset = 0
        while let size = reader.uint32(at: offset), let type = reader.slice(at: offset + 4, count: 4) {
            var (header, length) = (8, size)
            if size == 1, let high = reader.uint32(at: offset + 8), let low = reader.uint32(at: offset + 12),
                high < 1 << 16
            {
                (header, length) = (16, high << 32 | low)
            } else if size == 0 {
                length = bytes.count - offset
            }
            guard length >= header, length <= bytes.count - offset else { break }
            if type.elementsEqual("Exif".utf8), let start = reader.uint32(at: offset + header), length > header + 4,
                let block = reader.slice(at: offset + header + 4, count: length - header - 4)
            {
                return EXIF(block.dropFirst(start))
            }
            offset += length
        }
        return EXIF()
    }
}

extension DecodedImage {
    /// Encodes as JPEG XL at a quality of 1 to 100 (by libjxl's own scale) or without loss, with alpha, the ICC profile,
    /// and the parameters as EXIF user comment. With loss the colours are stored without regard to the profile, and readers
    /// get them as sRGB.
    ///
    /// Throws `ImageError.encodingFailed`.
    public func jpegXL(quality: Int, lossless: Bool = false) throws -> Data {
        let quality = Float(quality)
        // JxlEncoderDistanceFromQuality of libjxl 0.9 and later.
        let distance: Float =
            switch quality {
            case 100...: 0.01
            case 30...: 0.1 + (100 - quality) * 0.09
            default: 53 / 3000 * quality * quality - 23 / 20 * quality + 25
            }
        let exif = EXIF.block(userComment: parameters, metadata: metadata).map { [0, 0, 0, 0] + $0 }
        return try encode(as: .jpegXL) { picture, output, message in
            cimage_jxl_encode(
                picture, lossless ? 0 : distance, exif, UInt32(exif?.count ?? 0), output, message)
        }
    }
}
