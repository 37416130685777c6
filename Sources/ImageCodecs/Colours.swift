import CImageCodecs
import Foundation

/// How a file describes its colours where it has no ICC profile: by the numbers of ITU-T H.273 ("CICP"), or by a power
/// law and chromaticities.
struct ColourDescription: Equatable {
    /// x and y of white, red, green and blue.
    var chromaticities: [Double]
    var transfer: Transfer

    enum Transfer: Equatable {
        case sRGB
        /// Light is the value to this power.
        case gamma(Double)
        /// SMPTE ST 2084, of absolute brightness.
        case perceptualQuantizer
        /// ITU-R BT.2100's hybrid log-gamma.
        case hybridLogGamma

        var isHighDynamicRange: Bool { self == .perceptualQuantizer || self == .hybridLogGamma }
    }

    static let d65 = [0.3127, 0.3290]
    static let sRGB = d65 + [0.64, 0.33, 0.30, 0.60, 0.15, 0.06]

    init(chromaticities: [Double] = Self.sRGB, transfer: Transfer) {
        self.chromaticities = chromaticities
        self.transfer = transfer
    }

    /// nil for numbers that are not known or say nothing, and for what is sRGB.
    ///
    /// The curves of video (BT.601, BT.709, BT.2020) are taken to be sRGB's, as images with them are shown.
    init?(primaries: Int, transfer: Int) {
        let chromaticities: [Double]? =
            switch primaries {
            case 0, 1, 2: Self.sRGB
            case 5: Self.d65 + [0.64, 0.33, 0.29, 0.60, 0.15, 0.06]
            case 6, 7: Self.d65 + [0.630, 0.340, 0.310, 0.595, 0.155, 0.070]
            case 9: Self.d65 + [0.708, 0.292, 0.170, 0.797, 0.131, 0.046]
            case 11: [0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060]
            case 12: Self.d65 + [0.680, 0.320, 0.265, 0.690, 0.150, 0.060]
            default: nil
            }
        let curve: Transfer? =
            switch transfer {
            case 0, 1, 2, 6, 13, 14, 15: .sRGB
            case 4: .gamma(2.2)
            case 5: .gamma(2.8)
            case 8: .gamma(1)
            case 16: .perceptualQuantizer
            case 18: .hybridLogGamma
            default: nil
            }
        guard let chromaticities, let curve else { return nil }
        // The primaries of television are so near that images are shown as if they were sRGB's.
        let isSRGB = [0, 1, 2, 5, 6, 7].contains(primaries) && curve == .sRGB
        if isSRGB { return nil }
        self.init(chromaticities: chromaticities, transfer: curve)
    }

    /// The same as a profile; nil for high dynamic range and for impossible chromaticities.
    var iccProfile: Data? {
        let gamma: Double
        switch transfer {
        case .sRGB: gamma = 0
        case .gamma(let value): gamma = value
        default: return nil
        }
        var profile = cimage_buffer()
        guard cimage_profile_create(chromaticities, gamma, &profile), let bytes = profile.bytes else { return nil }
        return Data(bytesNoCopy: bytes, count: profile.size, deallocator: .free)
    }
}

/// The kind of pixels that an ICC profile is for; nil when it is malformed.
enum ProfileSpace {
    case rgb, grey, cmyk

    init?(_ profile: UnsafeBufferPointer<UInt8>) {
        let reader = ByteReader(bytes: profile)
        guard let size = reader.uint32(at: 0), size == profile.count, size >= 132,
            reader.slice(at: 36, count: 4)?.elementsEqual("acsp".utf8) == true,
            let space = reader.slice(at: 16, count: 4)
        else { return nil }
        switch String(decoding: space, as: UTF8.self) {
        case "RGB ": self = .rgb
        case "GRAY": self = .grey
        case "CMYK": self = .cmyk
        default: return nil
        }
    }
}

extension StoredPixels {
    /// Takes a file's ICC profile into account: one of RGB goes with the pixels, those of grey are converted by one of
    /// grey. Others say nothing about these pixels.
    mutating func apply(iccProfile profile: UnsafeBufferPointer<UInt8>, isGrey: Bool) {
        switch ProfileSpace(profile) {
        case .rgb where !isGrey: iccProfile = Data(buffer: profile)
        case .grey where isGrey: convertGrey(profile)
        default: break
        }
    }

    /// Takes another description of the colours into account.
    mutating func apply(_ description: ColourDescription?) {
        guard let profile = description?.iccProfile, ColourProfile(icc: profile) != nil else { return }
        iccProfile = profile
    }

    private mutating func convertGrey(_ profile: UnsafeBufferPointer<UInt8>) {
        guard let transform = ColourTransform(profile, cimage_grey_to_srgb, forManyPixels: false) else { return }
        let table = transform.convert((0...255).map { UInt8($0) }, pixels: 256)
        for pixel in 0..<width * height {
            let value = 3 * Int(rgb[3 * pixel])
            for channel in 0..<3 { rgb[3 * pixel + channel] = table[value + channel] }
        }
    }
}

extension StoredPixels {
    /// Pixels of four inks, `[height, width, 4]` bytes, in sRGB: by their profile, else as PIL has it.
    ///
    /// - Parameter inverted: whether 255 is no ink, as in JPEG files, instead of full ink.
    static func rgb(
        cmyk: [UInt8], inverted: Bool, profile: UnsafeBufferPointer<UInt8>?
    ) -> [UInt8] {
        let pixels = cmyk.count / 4
        if let profile, ProfileSpace(profile) == .cmyk,
            let transform = ColourTransform(
                profile, inverted ? cimage_inverted_cmyk_to_srgb : cimage_cmyk_to_srgb, forManyPixels: pixels > 10_000)
        {
            return transform.convert(cmyk, pixels: pixels)
        }
        return [UInt8](unsafeUninitializedCapacity: 3 * pixels) { output, count in
            cmyk.withUnsafeBufferPointer {
                cimage_convert_cmyk($0.baseAddress, inverted, output.baseAddress, pixels)
            }
            count = 3 * pixels
        }
    }
}

/// Little CMS's conversion between an ICC profile's colours and sRGB.
final class ColourTransform {
    private let transform: OpaquePointer

    /// nil when the profile is malformed, of another colour space, or does not describe this direction.
    init?(_ profile: UnsafeBufferPointer<UInt8>, _ kind: cimage_transform_kind, forManyPixels: Bool) {
        guard let transform = cimage_colour_transform_create(profile.baseAddress, profile.count, kind, forManyPixels)
        else { return nil }
        self.transform = transform
    }

    deinit {
        cimage_colour_transform_destroy(transform)
    }

    /// `[pixels, 3]` bytes.
    func convert(_ source: [UInt8], pixels: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 3 * pixels) { output, count in
            source.withUnsafeBufferPointer {
                cimage_colour_transform_apply(transform, $0.baseAddress, output.baseAddress, pixels)
            }
            count = 3 * pixels
        }
    }
}
