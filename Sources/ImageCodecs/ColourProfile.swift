import CImageCodecs
import Foundation

/// The colours of an image with an ICC profile other than sRGB, which models do not know.
///
/// By Little CMS, relative colorimetric with black point compensation. Colours that sRGB does not hold come to its border.
public struct ColourProfile: Sendable {
    private let icc: Data

    /// - Parameter icc: the profile of RGB pixels; nil is returned when its colours are sRGB's within one level, and when
    ///   Little CMS cannot make anything of it.
    public init?(icc: Data) {
        self.icc = icc
        let steps = stride(from: 0, through: 255, by: 51)
        let samples = steps.flatMap { red in
            steps.flatMap { green in steps.flatMap { blue in [UInt8(red), UInt8(green), UInt8(blue)] } }
        }
        guard let converted = convert(samples, toSRGB: true) else { return nil }
        if zip(samples, converted).allSatisfy({ abs(Int($0) - Int($1)) <= 1 }) { return nil }
    }

    /// Pixels `[count, 3]` of the profile's colours in sRGB.
    public func toSRGB(_ rgb: [UInt8]) -> [UInt8] { convert(rgb, toSRGB: true) ?? rgb }

    /// The reverse; nil for a profile that describes only where colours come from, as some cameras' and scanners' do.
    public func fromSRGB(_ rgb: [UInt8]) -> [UInt8]? { convert(rgb, toSRGB: false) }

    private func convert(_ rgb: [UInt8], toSRGB: Bool) -> [UInt8]? {
        precondition(rgb.count % 3 == 0, "\(rgb.count) bytes are no RGB pixels")
        return icc.withUnsafeBytes { bytes in
            ColourTransform(
                bytes.bindMemory(to: UInt8.self), toSRGB ? cimage_rgb_to_srgb : cimage_srgb_to_rgb,
                forManyPixels: rgb.count > 30_000)
        }?.convert(rgb, pixels: rgb.count / 3)
    }
}
