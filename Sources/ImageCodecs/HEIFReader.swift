import CImageCodecs
import Foundation

// HEIC and AVIF are the same container (ISO/IEC 23008-12) around images coded with HEVC or AV1. libheif reads the primary
// one of several, puts tiles together, turns and mirrors as the file says (irot, imir), which makes EXIF's orientation a
// mere remark, and leaves depth maps and gain maps aside.

extension ImageFormat {
    /// HEIF with HEVC, as phones write it: read where libheif is installed.
    public static let heic: ImageFormat = .init(
        "HEIC", extensions: ["heic", "heif", "hif"], maximumSide: 32_768,
        library: ImageLibrary(
            package: "libheif1 and, from Debian 13 on, libheif-plugin-libde265",
            isReadable: { cimage_heif_can_read(cimage_heif_hevc) }),
        matches: { start in
            let brands = start.brands
            return !isAVIF(brands)
                && ["heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"].contains { brands.contains($0) }
        },
        open: { try reader(heic, $0, $1) })

    /// HEIF with AV1: read and written where libheif is installed.
    public static let avif: ImageFormat = .init(
        "AVIF", extensions: ["avif"], maximumSide: 32_768,
        library: ImageLibrary(
            package: "libheif1 and, from Debian 13 on, libheif-plugin-dav1d and libheif-plugin-aomenc",
            isReadable: { cimage_heif_can_read(cimage_heif_av1) },
            isWritable: { cimage_heif_can_write(cimage_heif_av1) }),
        writer: ImageWriter(takesQuality: true) { image, options in try image.avif(quality: options.quality) },
        matches: { isAVIF($0.brands) },
        open: { try reader(avif, $0, $1) })

    private static func reader(
        _ format: ImageFormat, _ bytes: UnsafeBufferPointer<UInt8>, _ limits: ImageLimits
    ) throws -> LibraryReader {
        let reader = try LibraryReader(format, cimage_heif_decoder(), bytes, limits: limits, turnsItself: true)
        var structure = HEIFStructure(bytes)
        try limits.check(codedPixels: structure.codedPixels(), of: reader.header)
        return reader
    }

    private static func isAVIF(_ brands: [String]) -> Bool { brands.contains("avif") || brands.contains("avis") }
}

extension DecodedImage {
    /// Encodes as AVIF at a quality of 1 to 100, with alpha, the ICC profile, and the parameters as EXIF user comment.
    ///
    /// Throws `ImageError.encodingFailed`.
    public func avif(quality: Int) throws -> Data {
        let exif = EXIF.block(userComment: parameters, metadata: metadata)
        return try encode(as: .avif) { picture, output, message in
            cimage_avif_encode(picture, Int32(quality), exif, UInt32(exif?.count ?? 0), output, message)
        }
    }
}
