import Foundation

/// A file format that is read. PNG and JPEG are written, too.
public enum ImageFormat: String, CaseIterable, Sendable, CustomStringConvertible {
    /// Portable Network Graphics: read and written.
    case png = "PNG"
    /// JPEG: read and written.
    case jpeg = "JPEG"
    /// Read only, and only where libwebp is installed.
    case webp = "WebP"

    /// The format's usual name.
    public var description: String { rawValue }

    /// The longest side that the format's codec takes, in pixels.
    public var maximumSide: Int {
        switch self {
        case .png: 1_000_000
        case .jpeg: 65_500
        case .webp: 16_383
        }
    }

    /// The format that the content shows, whatever the file is called.
    ///
    /// Throws `ImageError.emptyFile` or `.unknownFormat`, which names other well-known kinds of file.
    init(of data: Data) throws {
        let start = [UInt8](data.prefix(64))
        if start.isEmpty { throw ImageError.emptyFile }
        if start.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
            self = .png
        } else if start.starts(with: [0xFF, 0xD8, 0xFF]) {
            self = .jpeg
        } else if start.starts(with: "RIFF".utf8), start.dropFirst(8).starts(with: "WEBP".utf8) {
            self = .webp
        } else {
            throw ImageError.unknownFormat(looksLike: Self.nameOfForeignFormat(start))
        }
    }

    private static func nameOfForeignFormat(_ start: [UInt8]) -> String? {
        func has(_ text: String, at offset: Int = 0) -> Bool {
            start.dropFirst(offset).starts(with: text.utf8)
        }
        if has("ftyp", at: 4) {
            if has("avif", at: 8) || has("avis", at: 8) { return "an AVIF picture" }
            if ["heic", "heix", "heim", "mif1", "msf1"].contains(where: { has($0, at: 8) }) { return "a HEIC picture" }
            return "a video"
        }
        if has("GIF8") { return "a GIF picture" }
        if start.starts(with: [0x49, 0x49, 0x2A, 0]) || start.starts(with: [0x4D, 0x4D, 0, 0x2A]) {
            return "a TIFF or camera raw picture"
        }
        if start.starts(with: [0xFF, 0x0A]) || has("JXL ", at: 4) { return "a JPEG XL picture" }
        if has("BM") { return "a BMP picture" }
        if has("8BPS") { return "a Photoshop document" }
        if has("%PDF") { return "a PDF document" }
        let text = String(decoding: start, as: UTF8.self).lowercased().drop(while: \.isWhitespace)
        if text.hasPrefix("<svg") || text.hasPrefix("<?xml") { return "an SVG or XML document" }
        if text.hasPrefix("<!doctype") || text.hasPrefix("<html") { return "a web page" }
        return nil
    }
}
