import ArgumentParser
import Foundation
import ImageCodecs

extension ImageFormat {
    /// The format to write that a file name's extension stands for.
    init?(fileExtension: String) {
        switch fileExtension.lowercased() {
        case "png": self = .png
        case "jpg", "jpeg", "jpe": self = .jpeg
        default: return nil
        }
    }

    var fileExtension: String {
        switch self {
        case .png: "png"
        case .jpeg: "jpg"
        case .webp: "webp"
        }
    }

    /// Encodes a picture; `quality` is for JPEG only, `threads` for PNG.
    func encode(_ image: DecodedImage, quality: Int, threads: Int) throws -> Data {
        switch self {
        case .png: try image.png(threads: threads)
        case .jpeg: try image.jpeg(quality: quality)
        case .webp: throw ImageError.encodingFailed(self, reason: "it is only read")
        }
    }
}

extension ImageFormat: ExpressibleByArgument {
    public init?(argument: String) { self.init(fileExtension: argument) }

    public static var allValueStrings: [String] { ["png", "jpeg"] }
}
