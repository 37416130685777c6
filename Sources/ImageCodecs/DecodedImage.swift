import Foundation

/// An image in memory, and what travels with it between files.
public struct DecodedImage: Equatable, Sendable {
    /// Pixels in each row, at least 1.
    public let width: Int
    /// Rows, at least 1.
    public let height: Int
    /// `[height, width, 3]` bytes: red, green, blue; not multiplied by alpha.
    public let rgb: [UInt8]
    /// `[height, width]` bytes, 255 for opaque; nil when the file has no transparency.
    public let alpha: [UInt8]?
    /// The ICC profile of `rgb`: the file's, or one made from what else the file says of its colours. nil for sRGB.
    public var iccProfile: Data?
    /// The generation parameters embedded in the file: PNG text `parameters`, or the EXIF user comment.
    public var parameters: String?
    /// Who took the image, when and with what.
    public var metadata: ImageMetadata
    /// What was wrong with the file and could be repaired, a clause each.
    public var notes: [String]

    /// An image of the given pixels; `rgb` must hold `3 * width * height` bytes and `alpha`, if any, `width * height`.
    public init(
        width: Int, height: Int, rgb: [UInt8], alpha: [UInt8]? = nil, iccProfile: Data? = nil,
        parameters: String? = nil, metadata: ImageMetadata = ImageMetadata(), notes: [String] = []
    ) {
        precondition(
            width > 0 && height > 0 && rgb.count == 3 * width * height
                && (alpha.map { $0.count == width * height } ?? true),
            "\(rgb.count) bytes of RGB and \(alpha?.count ?? 0) of alpha for \(width)x\(height) pixels")
        self.width = width
        self.height = height
        self.rgb = rgb
        self.alpha = alpha
        self.iccProfile = iccProfile
        self.parameters = parameters
        self.metadata = metadata
        self.notes = notes
    }

    /// The image and its alpha channel resized with Lanczos, to the same bytes as PIL's
    /// `Image.resize((width, height), LANCZOS)` for modes RGB and L.
    public func resized(width newWidth: Int, height newHeight: Int) -> DecodedImage {
        func resize(_ pixels: [UInt8], channels: Int) -> [UInt8] {
            Lanczos.resize(
                pixels, width: width, height: height, channels: channels, toWidth: newWidth, height: newHeight)
        }
        return DecodedImage(
            width: newWidth, height: newHeight, rgb: resize(rgb, channels: 3),
            alpha: alpha.map { resize($0, channels: 1) }, iccProfile: iccProfile, parameters: parameters,
            metadata: metadata, notes: notes)
    }
}
