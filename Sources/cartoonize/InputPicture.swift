import Foundation
import ImageCodecs
import StableDiffusion

/// A decoded input picture, and how a result becomes a picture like it.
struct InputPicture: Sendable {
    let format: ImageFormat
    private let image: DecodedImage

    init(_ file: InputFile) throws {
        do {
            format = try ImageFile.header(of: file.data).format
            image = try ImageFile.decode(file.data)
        } catch {
            throw InputFile.failure(file.name, String(describing: error))
        }
    }

    var size: PixelSize { PixelSize(width: image.width, height: image.height) }

    /// The text with the generation parameters inside the file.
    var parameters: String? { image.parameters }

    var hasAlpha: Bool { image.alpha != nil }

    /// The picture's own colours, without regard to alpha, at the size to work at.
    func pixels(size: PixelSize) -> PixelImage {
        PixelImage(
            width: size.width, height: size.height,
            rgb: resized(image.rgb, from: self.size, to: size, channels: 3))
    }

    /// `result` as a picture of the given size with this picture's colour profile and, in a PNG, its alpha channel;
    /// a JPEG has none, so there transparent parts show white.
    func finished(_ result: PixelImage, size: PixelSize, format: ImageFormat, parameters: String?) -> DecodedImage {
        let resultSize = PixelSize(width: result.width, height: result.height)
        return finished(
            rgb: resized(result.rgb, from: resultSize, to: size, channels: 3), size: size, format: format,
            parameters: parameters)
    }

    /// The picture itself, resized like a result.
    func resized(to size: PixelSize, format: ImageFormat) -> DecodedImage {
        finished(
            rgb: resized(image.rgb, from: self.size, to: size, channels: 3), size: size, format: format, parameters: nil
        )
    }

    private func finished(rgb: [UInt8], size: PixelSize, format: ImageFormat, parameters: String?) -> DecodedImage {
        var rgb = rgb
        var alpha = image.alpha.map { resized($0, from: self.size, to: size, channels: 1) }
        if format == .jpeg, let opacities = alpha {
            for (pixel, opacity) in opacities.enumerated() where opacity < 255 {
                for channel in 3 * pixel..<3 * pixel + 3 {
                    let blended = Int(rgb[channel]) * Int(opacity) + 255 * (255 - Int(opacity))
                    rgb[channel] = UInt8((blended + 127) / 255)
                }
            }
            alpha = nil
        }
        return DecodedImage(
            width: size.width, height: size.height, rgb: rgb, alpha: alpha, iccProfile: image.iccProfile,
            parameters: parameters)
    }

    private func resized(_ bytes: [UInt8], from: PixelSize, to: PixelSize, channels: Int) -> [UInt8] {
        guard from != to else { return bytes }
        return Lanczos.resize(
            bytes, width: from.width, height: from.height, channels: channels, toWidth: to.width, height: to.height)
    }
}
