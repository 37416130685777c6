import Foundation

/// Reading of image files held in memory. What a file is, its content decides, not its name.
public enum ImageFile {
    /// Reads the header and checks it against the limits, without decoding pixels: what is wrong further on in the
    /// file shows only in `decode`.
    ///
    /// Throws `ImageError`.
    public static func header(of data: Data, limits: ImageLimits = .standard) throws -> ImageHeader {
        try open(data, limits) { $0.header }
    }

    /// Decodes an image to 8-bit RGB as it is shown: the orientation is applied.
    ///
    /// Of 16 bits the high byte is kept, as PIL does; of animations the first frame is read, of several images the main
    /// one. Colours that the file describes by a profile of grey or CMYK or as high dynamic range come as sRGB; RGB
    /// profiles, and those that other descriptions of colours amount to, come with the pixels. Damage that leaves the
    /// image whole, or nearly so (the last rows of a JPEG), becomes a note; other damage is an error.
    ///
    /// - Parameters:
    ///   - data: the whole file.
    ///   - limits: checked on the header, before memory is taken for pixels.
    ///   - strict: whether a file with a note is refused.
    ///
    /// Throws `ImageError`.
    public static func decode(
        _ data: Data, limits: ImageLimits = .standard, strict: Bool = false
    ) throws -> DecodedImage {
        let (format, image) = try open(data, limits) { ($0.header.format, try $0.decode()) }
        if strict, let note = image.notes.first { throw ImageError.damaged(format, reason: note) }
        return image
    }

    private static func open<Result>(
        _ data: Data, _ limits: ImageLimits, _ body: (any ImageReader) throws -> Result
    ) throws -> Result {
        let format = try ImageFormat(of: data)
        return try data.withUnsafeBytes { try body(format.open($0.bindMemory(to: UInt8.self), limits)) }
    }
}
