import CImageCodecs
import Foundation

/// An image that a library reads which is opened when the program runs.
final class LibraryReader: ImageReader {
    let header: ImageHeader
    private let decoder: cimage_decoder
    private let reader: UnsafeMutableRawPointer
    private let stored: cimage_header
    private let orientation: Orientation

    /// - Parameters:
    ///   - exif: where the library does not give it: what was read otherwise.
    ///   - turnsItself: whether the library turns the image, so that EXIF's orientation counts no more.
    init(
        _ format: ImageFormat, _ decoder: UnsafePointer<cimage_decoder>, _ bytes: UnsafeBufferPointer<UInt8>,
        limits: ImageLimits, exif given: EXIF? = nil, turnsItself: Bool
    ) throws {
        try format.requireReadable()
        self.decoder = decoder.pointee
        var stored = cimage_header()
        var message = [CChar](repeating: 0, count: Int(CIMAGE_MESSAGE_SIZE))
        guard let reader = self.decoder.open(bytes.baseAddress, bytes.count, &stored, &message) else {
            throw Self.damage(format, message)
        }
        self.reader = reader
        self.stored = stored
        var exif = given ?? EXIF()
        if given == nil, let block = Self.take({ decoder.pointee.read_exif?(reader, &$0) ?? false }) {
            exif = EXIF(block.starts(with: EXIF.jpegSignature) ? block.dropFirst(6) : block[...])
        }
        if turnsItself { exif.orientation = .asStored }
        orientation = exif.orientation
        let hasAlpha = stored.channels > (stored.is_cmyk ? 4 : 3)
        header = ImageHeader(
            format: format, width: Int(stored.width), height: Int(stored.height), hasAlpha: hasAlpha, exif: exif)
        try limits.check(
            width: Int(stored.width), height: Int(stored.height), format: format, byteCount: bytes.count)
    }

    deinit {
        decoder.close(reader)
    }

    private static func damage(_ format: ImageFormat, _ message: [CChar]) -> ImageError {
        let reason = String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // The text comes out of a library, and part of it may come out of the file.
        let printable = reason.unicodeScalars.filter { $0.properties.generalCategory != .control }
        return .damaged(format, reason: String(String.UnicodeScalarView(printable)))
    }

    /// The bytes that a function of the decoder gives, nil when it gives none.
    private static func take(_ read: (inout cimage_buffer) -> Bool) -> [UInt8]? {
        var buffer = cimage_buffer()
        guard read(&buffer), let bytes = buffer.bytes else { return nil }
        defer { free(bytes) }
        return [UInt8](UnsafeBufferPointer(start: bytes, count: buffer.size))
    }

    private var width: Int { Int(stored.width) }
    private var height: Int { Int(stored.height) }

    func decode() throws -> DecodedImage {
        let profile = Self.take { decoder.read_profile(reader, &$0) }
        var colours = cimage_colours()
        var pixels: StoredPixels
        if stored.bits == 16 {
            let samples: [UInt16] = try samples(&colours)
            pixels = self.pixels(wide: samples, colours)
        } else {
            pixels = self.pixels(try samples(&colours), profile)
        }
        if let profile {
            profile.withUnsafeBufferPointer { pixels.apply(iccProfile: $0, isGrey: stored.is_grey) }
        } else {
            pixels.apply(ColourDescription(primaries: Int(colours.primaries), transfer: Int(colours.transfer)))
        }
        return pixels.shown(orientation, header)
    }

    private func samples<Sample: FixedWidthInteger>(_ colours: inout cimage_colours) throws -> [Sample] {
        var samples = [Sample](repeating: 0, count: width * height * Int(stored.channels))
        var message = [CChar](repeating: 0, count: Int(CIMAGE_MESSAGE_SIZE))
        let done = samples.withUnsafeMutableBytes {
            decoder.read_pixels(reader, $0.baseAddress, &colours, &message)
        }
        guard done else { throw Self.damage(header.format, message) }
        return samples
    }

    private func pixels(_ samples: [UInt8], _ profile: [UInt8]?) -> StoredPixels {
        guard stored.is_cmyk else { return pixels(interleaved: samples) }
        let channels = Int(stored.channels)
        let (cmyk, alpha) = Self.split(samples, channels, 4)
        let rgb = (profile ?? []).withUnsafeBufferPointer {
            StoredPixels.rgb(cmyk: cmyk, inverted: false, profile: profile == nil ? nil : $0)
        }
        return StoredPixels(width: width, height: height, rgb: rgb, alpha: alpha)
    }

    private func pixels(interleaved samples: [UInt8]) -> StoredPixels {
        guard stored.channels == 4 else { return StoredPixels(width: width, height: height, rgb: samples) }
        var pixels = StoredPixels(width: width, height: height, rgba: samples)
        if stored.is_premultiplied { pixels.unpremultiply() }
        return pixels
    }

    /// 16 bits come down to 8 by their high byte, or by tone mapping.
    private func pixels(wide samples: [UInt16], _ colours: cimage_colours) -> StoredPixels {
        let description = ColourDescription(primaries: Int(colours.primaries), transfer: Int(colours.transfer))
        guard let description, description.transfer.isHighDynamicRange else {
            return pixels(interleaved: samples.map { UInt8($0 >> 8) })
        }
        let (rgb, alpha) = Self.split(samples, Int(stored.channels), 3)
        return StoredPixels(
            width: width, height: height, rgb: ToneMapping(description).toSRGB(rgb),
            alpha: alpha.map { $0.map { UInt8($0 >> 8) } })
    }

    /// Takes the colours of interleaved samples and the one channel after them apart.
    private static func split<Sample>(_ samples: [Sample], _ channels: Int, _ colours: Int) -> ([Sample], [Sample]?) {
        guard channels > colours else { return (samples, nil) }
        var rest: [Sample] = []
        var kept: [Sample] = []
        kept.reserveCapacity(samples.count / channels * colours)
        rest.reserveCapacity(samples.count / channels)
        for start in stride(from: 0, to: samples.count, by: channels) {
            kept += samples[start..<start + colours]
            rest.append(samples[start + colours])
        }
        return (kept, rest)
    }
}

extension StoredPixels {
    /// Divides colours by the alpha that they were multiplied by.
    mutating func unpremultiply() {
        guard let alpha else { return }
        for (pixel, opacity) in alpha.enumerated() where opacity != 0 && opacity != 255 {
            for channel in 3 * pixel..<3 * pixel + 3 {
                rgb[channel] = UInt8(min(255, (Int(rgb[channel]) * 255 + Int(opacity) / 2) / Int(opacity)))
            }
        }
    }
}
