import Foundation

/// What a picture file's header says.
public struct ImageHeader: Equatable, Sendable {
    /// What the content shows the file to be.
    public let format: ImageFormat
    /// Size in pixels as the picture is shown: the EXIF orientation is applied.
    public let width: Int
    /// Rows of the picture as it is shown.
    public let height: Int
    /// Whether there is an alpha channel or a transparent colour.
    public let hasAlpha: Bool
}

/// Reading of picture files held in memory. What a file is, its content decides, not its name.
public enum ImageFile {
    /// Reads the header and checks it against the limits, without decoding pixels: what is wrong further on in the
    /// file shows only in `decode`.
    ///
    /// Throws `ImageError`.
    public static func header(of data: Data, limits: ImageLimits = .standard) throws -> ImageHeader {
        switch try ImageFormat(of: data) {
        case .png: try PNGReader.header(of: data, limits: limits)
        case .jpeg: try JPEGReader.header(of: data, limits: limits)
        case .webp: try WebPReader.header(of: data, limits: limits)
        }
    }

    /// Decodes a picture to 8-bit RGB with its EXIF orientation applied.
    ///
    /// Takes PNG of every colour type and depth (of 16 bits the high byte is kept, as PIL does; of an animation the
    /// first frame is read), Huffman or arithmetic coded 8-bit JPEG in grey, RGB, YCbCr, CMYK and YCCK, and, where
    /// libwebp is installed, WebP (of an animation the first frame). A file that is cut off or damaged is an error, even
    /// if some of its pixels could be shown.
    ///
    /// Throws `ImageError`.
    public static func decode(_ data: Data, limits: ImageLimits = .standard) throws -> DecodedImage {
        switch try ImageFormat(of: data) {
        case .png: try PNGReader.decode(data, limits: limits)
        case .jpeg: try JPEGReader.decode(data, limits: limits)
        case .webp: try WebPReader.decode(data, limits: limits)
        }
    }
}
