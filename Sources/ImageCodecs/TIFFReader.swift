import CImageCodecs
import Foundation

extension ImageFormat {
    /// TIFF: the first full-size page is read where libtiff is installed.
    public static let tiff: ImageFormat = .init(
        "TIFF", extensions: ["tif", "tiff"], maximumSide: 1_000_000,
        library: ImageLibrary(package: "libtiff6", isReadable: { cimage_tiff_decoder().pointee.is_available() }),
        matches: {
            // The second pair is BigTIFF's.
            $0.has([0x49, 0x49, 0x2A, 0]) || $0.has([0x4D, 0x4D, 0, 0x2A]) || $0.has([0x49, 0x49, 0x2B, 0])
                || $0.has([0x4D, 0x4D, 0, 0x2B])
        },
        open: { bytes, limits in
            // Camera raw files that look like TIFF by their first bytes.
            if let structure = TIFFStructure(bytes), let preview = try RawPreview(structure, bytes, limits: limits) {
                return preview
            }
            let exif = TIFFStructure(bytes).map { EXIF($0) } ?? EXIF()
            return try LibraryReader(
                tiff, cimage_tiff_decoder(), bytes, limits: limits, exif: exif, turnsItself: false)
        })
}
