import Foundation
import ImageCodecs
import StableDiffusion

/// A decoded input image, and how a result becomes an image like it.
struct InputPhoto: Sendable {
    private let image: DecodedImage

    /// - Parameter strict: whether damage that could be repaired is a failure.
    init(_ file: InputFile, strict: Bool = false) throws {
        do {
            image = try ImageFile.decode(file.data, strict: strict)
        } catch {
            throw InputFile.failure(file.name, String(describing: error))
        }
    }

    var size: PixelSize { PixelSize(width: image.width, height: image.height) }

    /// What was wrong with the file and could be repaired, a clause each.
    var notes: [String] { image.notes }

    var hasAlpha: Bool { image.alpha != nil }

    /// Whether its colours are not sRGB.
    var hasProfile: Bool { image.iccProfile != nil }

    /// The middle part of a size.
    func middle(_ size: PixelSize) -> InputPhoto {
        guard size != self.size else { return self }
        let (left, top) = ((image.width - size.width) / 2, (image.height - size.height) / 2)
        func cut(_ bytes: [UInt8], channels: Int) -> [UInt8] {
            var part: [UInt8] = []
            part.reserveCapacity(size.pixels * channels)
            for row in top..<top + size.height {
                let start = (row * image.width + left) * channels
                part += bytes[start..<start + size.width * channels]
            }
            return part
        }
        return InputPhoto(
            image: DecodedImage(
                width: size.width, height: size.height, rgb: cut(image.rgb, channels: 3),
                alpha: image.alpha.map { cut($0, channels: 1) }, iccProfile: image.iccProfile,
                parameters: image.parameters, metadata: image.metadata, notes: image.notes))
    }

    private init(image: DecodedImage) { self.image = image }

    /// The image's own colours in sRGB, without regard to alpha, at the size to work at.
    func pixels(size: PixelSize) -> PixelImage {
        let rgb = resized(image.rgb, from: self.size, to: size, channels: 3)
        return PixelImage(width: size.width, height: size.height, rgb: profile?.toSRGB(rgb) ?? rgb)
    }

    /// The colours of pixels that are not sRGB.
    private var profile: ColourProfile? { image.iccProfile.flatMap(ColourProfile.init(icc:)) }

    /// `result` as an image of the given size with this image's colour profile and, its metadata and,
    /// where the format has one, its alpha channel; where it has none, transparent parts show white.
    func finished(_ result: PixelImage, size: PixelSize, format: ImageFormat, parameters: String?) -> DecodedImage {
        let profile = profile
        var rgb = enlarged(result, to: size, profile)
        var iccProfile = image.iccProfile
        if let profile {
            if let converted = profile.fromSRGB(rgb) { rgb = converted } else { iccProfile = nil }
        }
        return finished(rgb: rgb, iccProfile: iccProfile, size: size, format: format, parameters: parameters)
    }

    /// The image itself, resized like a result.
    func resized(to size: PixelSize, format: ImageFormat) -> DecodedImage {
        finished(
            rgb: resized(image.rgb, from: self.size, to: size, channels: 3), iccProfile: image.iccProfile, size: size,
            format: format, parameters: nil)
    }

    /// - Parameter rgb: of the given size.
    private func finished(
        rgb: [UInt8], iccProfile: Data?, size: PixelSize, format: ImageFormat, parameters: String?
    ) -> DecodedImage {
        var rgb = rgb
        var alpha = image.alpha.map { resized($0, from: self.size, to: size, channels: 1) }
        if !format.hasAlpha, let opacities = alpha {
            for (pixel, opacity) in opacities.enumerated() where opacity < 255 {
                for channel in 3 * pixel..<3 * pixel + 3 {
                    let blended = Int(rgb[channel]) * Int(opacity) + 255 * (255 - Int(opacity))
                    rgb[channel] = UInt8((blended + 127) / 255)
                }
            }
            alpha = nil
        }
        return DecodedImage(
            width: size.width, height: size.height, rgb: rgb, alpha: alpha, iccProfile: iccProfile,
            parameters: parameters, metadata: image.metadata)
    }

    /// A result at the size to write: guided by this image where that was much larger than the size worked at.
    private func enlarged(_ result: PixelImage, to size: PixelSize, _ profile: ColourProfile?) -> [UInt8] {
        let resultSize = PixelSize(width: result.width, height: result.height)
        guard size == self.size, resultSize.isMuchSmaller(than: size) else {
            return resized(result.rgb, from: resultSize, to: size, channels: 3)
        }
        return GuidedEnlargement.enlarge(
            result.rgb, width: result.width, height: result.height, guide: profile?.toSRGB(image.rgb) ?? image.rgb,
            toWidth: size.width, height: size.height)
    }

    private func resized(_ bytes: [UInt8], from: PixelSize, to: PixelSize, channels: Int) -> [UInt8] {
        guard from != to else { return bytes }
        return Lanczos.resize(
            bytes, width: from.width, height: from.height, channels: channels, toWidth: to.width, height: to.height)
    }
}
