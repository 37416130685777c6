import CImageCodecs
import Foundation

/// How images of a format are written.
struct ImageWriter: Sendable {
    struct Options: Sendable {
        /// 1 to 100, of a format that takes one.
        var quality: Int
        /// Whether every pixel is to come back as it is, where the format has that beside quality.
        var isLossless: Bool
        var threads: Int
    }

    var takesQuality = false
    /// Whether it takes `isLossless`.
    var hasLossless = false
    var hasAlpha = true
    /// Whether a text of parameters fits.
    var hasRoomForParameters: @Sendable (_ parameters: String) -> Bool = { _ in true }
    let encode: @Sendable (_ image: DecodedImage, _ options: Options) throws -> Data
}

extension ImageFormat {
    /// Whether the format is written, as opposed to only read.
    public var isWritten: Bool { writer != nil }

    /// Whether its files have a quality.
    public var takesQuality: Bool { writer?.takesQuality ?? false }

    /// Whether it is written with or without loss, as asked for.
    public var hasLossless: Bool { writer?.hasLossless ?? false }

    /// Whether its files hold transparency.
    public var hasAlpha: Bool { writer?.hasAlpha ?? true }

    /// The extension that new files get.
    public var fileExtension: String { fileExtensions[0] }

    /// Throws `ImageError` when images cannot be written in this format here, or not with such parameters.
    public func checkWritable(parameters: String? = nil) throws {
        guard let writer else { throw ImageError.encodingFailed(self, reason: "it is only read") }
        if let library, !library.isWritable() { throw ImageError.missingEncoder(self, package: library.package) }
        if let parameters, !writer.hasRoomForParameters(parameters) {
            throw ImageError.encodingFailed(self, reason: "the embedded parameters are over 64 KB")
        }
    }

    /// Encodes an image with its profile, parameters and metadata.
    ///
    /// - Parameters:
    ///   - image: the pixels and what goes with them.
    ///   - quality: 1 to 100, for formats that take one.
    ///   - lossless: for formats that have that beside quality.
    ///   - threads: as many as may be used; the bytes are the same for any number.
    ///
    /// Throws `ImageError.encodingFailed` and `.missingEncoder`.
    public func encode(_ image: DecodedImage, quality: Int, lossless: Bool = false, threads: Int = 1) throws -> Data {
        precondition((1...100).contains(quality), "quality \(quality)")
        try checkWritable(parameters: image.parameters)
        guard let writer else { throw ImageError.encodingFailed(self, reason: "it is only read") }
        return try writer.encode(image, .init(quality: quality, isLossless: lossless, threads: threads))
    }
}

extension DecodedImage {
    /// Encodes as PNG: 8-bit RGB or RGBA, with the ICC profile, and the parameters as a text chunk `parameters`
    /// (tEXt if they are Latin-1, else iTXt), where stable-diffusion-webui and stable-diffusion.cpp put theirs.
    ///
    /// The bytes are the same for any number of threads.
    ///
    /// Throws `ImageError.encodingFailed`.
    public func png(threads: Int = 1) throws -> Data {
        // The text is a C string on its way.
        let scalars = (parameters ?? "").unicodeScalars.filter { $0 != "\0" }
        let isLatin1 = scalars.allSatisfy { $0.value < 0x100 }
        let bytes = isLatin1 ? scalars.map { UInt8($0.value) } : Array(String(String.UnicodeScalarView(scalars)).utf8)
        let text = (bytes + [0]).map { CChar(bitPattern: $0) }
        // The resolution has a chunk of its own.
        var kept = metadata
        kept.resolution = nil
        let exif = EXIF.block(userComment: nil, metadata: kept) ?? []
        func perMetre(_ perInch: Double?) -> UInt32 { UInt32(((perInch ?? 0) / 0.0254).rounded()) }
        return try encode(as: .png) { picture, output, message in
            let bands = PNGBands(picture, threads: threads)
            guard bands.areWhole else { return false }
            return text.withUnsafeBufferPointer { text in
                exif.withUnsafeBufferPointer { exif in
                    PNGChunks.parametersKey.withCString { key in
                        var extras = cimage_png_extras(
                            text_key: key, text: scalars.isEmpty ? nil : text.baseAddress, text_is_utf8: !isLatin1,
                            exif: exif.isEmpty ? nil : exif.baseAddress, exif_size: UInt32(exif.count),
                            pixels_per_metre: (
                                perMetre(metadata.resolution?.across), perMetre(metadata.resolution?.down)
                            ))
                        return cimage_png_encode(picture, bands.bands.baseAddress, &extras, output, message)
                    }
                }
            }
        }
    }

    /// Encodes as baseline JPEG at a quality of 1 to 100 (90 and above with full colour resolution), with the ICC
    /// profile, and the parameters as EXIF user comment. Alpha is left out.
    ///
    /// Throws `ImageError.encodingFailed`, also for parameters of over 64 KB, which EXIF has no room for.
    public func jpeg(quality: Int) throws -> Data {
        precondition((1...100).contains(quality), "quality \(quality)")
        var exif: [UInt8]?
        if let block = EXIF.block(userComment: parameters, metadata: metadata) {
            // Parameters that just fit may leave no room for the rest.
            exif = EXIF.segment(block) ?? EXIF.block(userComment: parameters, metadata: .init()).flatMap(EXIF.segment)
            if exif == nil { throw ImageError.encodingFailed(.jpeg, reason: "the embedded parameters are over 64 KB") }
        }
        let resolution = [metadata.resolution?.across, metadata.resolution?.down].map {
            UInt16(min(($0 ?? 0).rounded(), 65_535))
        }
        return try encode(as: .jpeg) { picture, output, message in
            cimage_jpeg_encode(picture, Int32(quality), exif, UInt32(exif?.count ?? 0), resolution, output, message)
        }
    }

    /// Runs a C encoder over the pixels and the profile, and takes over what it made.
    func encode(
        as format: ImageFormat,
        with encoder: (
            UnsafePointer<cimage_picture>, UnsafeMutablePointer<cimage_buffer>, UnsafeMutablePointer<CChar>?
        ) -> Bool
    ) throws -> Data {
        if max(width, height) > format.maximumSide {
            throw ImageError.encodingFailed(
                format, reason: "\(width)x\(height) pixels; a side can be at most \(format.maximumSide)")
        }
        let icc = iccProfile.map { [UInt8]($0) } ?? []
        var output = cimage_buffer()
        var message = [CChar](repeating: 0, count: Int(CIMAGE_MESSAGE_SIZE))
        let done = rgb.withUnsafeBufferPointer { rgb in
            (alpha ?? []).withUnsafeBufferPointer { alphaBytes in
                icc.withUnsafeBufferPointer { icc in
                    var picture = cimage_picture(
                        rgb: rgb.baseAddress, alpha: alpha == nil ? nil : alphaBytes.baseAddress,
                        width: UInt32(width), height: UInt32(height),
                        icc: icc.isEmpty ? nil : icc.baseAddress, icc_size: UInt32(icc.count))
                    return message.withUnsafeMutableBufferPointer { encoder(&picture, &output, $0.baseAddress) }
                }
            }
        }
        guard done, let bytes = output.bytes else {
            let reason = String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            throw ImageError.encodingFailed(format, reason: reason.isEmpty ? "out of memory" : reason)
        }
        return Data(bytesNoCopy: bytes, count: output.size, deallocator: .free)
    }
}
