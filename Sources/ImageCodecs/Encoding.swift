import CImageCodecs
import Foundation

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
        return try encode(as: .png) { picture, output, message in
            let bands = PNGBands(picture, threads: threads)
            guard bands.areWhole else { return false }
            return cimage_png_encode(
                picture, bands.bands.baseAddress, PNGReader.parametersKey, scalars.isEmpty ? nil : text, !isLatin1,
                output, message)
        }
    }

    /// Encodes as baseline JPEG at a quality of 1 to 100 (90 and above with full colour resolution), with the ICC
    /// profile, and the parameters as EXIF user comment. Alpha is left out.
    ///
    /// Throws `ImageError.encodingFailed`, also for parameters of over 64 KB, which EXIF has no room for.
    public func jpeg(quality: Int) throws -> Data {
        precondition((1...100).contains(quality), "quality \(quality)")
        var exif: [UInt8]?
        if let parameters {
            exif = EXIF.segment(userComment: parameters)
            if exif == nil { throw ImageError.encodingFailed(.jpeg, reason: "the embedded text is over 64 KB") }
        }
        return try encode(as: .jpeg) { picture, output, message in
            cimage_jpeg_encode(picture, Int32(quality), exif, UInt32(exif?.count ?? 0), output, message)
        }
    }

    /// Runs a C encoder over the pixels and the profile, and takes over what it made.
    private func encode(
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
