import Foundation

/// An image file of which the header has been read.
protocol ImageReader {
    /// What is known without decoding pixels.
    var header: ImageHeader { get }

    /// Decodes the pixels.
    ///
    /// Throws `ImageError`. What could be repaired is a note in the image.
    func decode() throws -> DecodedImage
}

/// What an image file's header says.
public struct ImageHeader: Equatable, Sendable {
    /// What the content shows the file to be.
    public let format: ImageFormat
    /// Size in pixels as the image is shown: the orientation is applied.
    public let width: Int
    /// Rows of the image as it is shown.
    public let height: Int
    /// Whether there is an alpha channel or a transparent colour.
    public let hasAlpha: Bool
    /// The generation parameters embedded in the file.
    public var parameters: String?
    /// Who took the image, when and with what.
    public var metadata = ImageMetadata()

    /// - Parameters:
    ///   - width: as stored, like `height`.
    ///   - exif: whose orientation is applied.
    init(format: ImageFormat, width: Int, height: Int, hasAlpha: Bool, exif: EXIF = EXIF()) {
        let shown = exif.orientation.shownSize(width: width, height: height)
        self.format = format
        self.width = shown.width
        self.height = shown.height
        self.hasAlpha = hasAlpha
        parameters = exif.userComment
        metadata = exif.metadata
    }
}

/// Pixels as they are stored in a file: not yet turned.
struct StoredPixels {
    let width: Int
    let height: Int
    /// `[height, width, 3]` bytes.
    var rgb: [UInt8]
    /// `[height, width]` bytes.
    var alpha: [UInt8]?
    var iccProfile: Data?
    var notes: [String] = []

    /// The image as it is shown.
    func shown(_ orientation: Orientation, _ header: ImageHeader) -> DecodedImage {
        let shown = orientation.shownSize(width: width, height: height)
        return DecodedImage(
            width: shown.width, height: shown.height,
            rgb: orientation.apply(to: rgb, width: width, height: height, channels: 3),
            alpha: alpha.map { orientation.apply(to: $0, width: width, height: height, channels: 1) },
            iccProfile: iccProfile, parameters: header.parameters, metadata: header.metadata, notes: notes)
    }
}

extension StoredPixels {
    /// Splits interleaved RGBA.
    init(width: Int, height: Int, rgba: [UInt8]) {
        let count = width * height
        precondition(rgba.count == 4 * count, "\(rgba.count) bytes for \(width)x\(height) pixels")
        let rgb = [UInt8](unsafeUninitializedCapacity: 3 * count) { output, initialized in
            for pixel in 0..<count {
                for channel in 0..<3 { output[3 * pixel + channel] = rgba[4 * pixel + channel] }
            }
            initialized = 3 * count
        }
        let alpha = [UInt8](unsafeUninitializedCapacity: count) { output, initialized in
            for pixel in 0..<count { output[pixel] = rgba[4 * pixel + 3] }
            initialized = count
        }
        self.init(width: width, height: height, rgb: rgb, alpha: alpha)
    }
}
