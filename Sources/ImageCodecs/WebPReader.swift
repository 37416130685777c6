import CImageCodecs
import Foundation

/// A WebP file: the container, which is read here, around pictures, which libwebp reads.
///
/// Container: "RIFF", size, "WEBP", then chunks of a name, a little-endian size and content of even length
/// (https://developers.google.com/speed/webp/docs/riff_container).
struct WebPReader {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let header: cimage_webp_header
    private let orientation: Orientation
    private let userComment: String?

    static func header(of data: Data, limits: ImageLimits) throws -> ImageHeader {
        try data.withUnsafeBytes { bytes in
            let reader = try WebPReader(bytes.bindMemory(to: UInt8.self), limits: limits)
            let shown = reader.orientation.shownSize(width: reader.width, height: reader.height)
            return ImageHeader(
                format: .webp, width: shown.width, height: shown.height, hasAlpha: reader.header.has_alpha)
        }
    }

    static func decode(_ data: Data, limits: ImageLimits) throws -> DecodedImage {
        try data.withUnsafeBytes { try WebPReader($0.bindMemory(to: UInt8.self), limits: limits).readPicture() }
    }

    private init(_ bytes: UnsafeBufferPointer<UInt8>, limits: ImageLimits) throws {
        guard cimage_webp_is_available() else {
            throw ImageError.missingLibrary(.webp, package: "libwebp7")
        }
        self.bytes = bytes
        var header = cimage_webp_header()
        guard cimage_webp_read_header(bytes.baseAddress, bytes.count, &header) else { throw Self.damage }
        self.header = header
        // The pixels of one colour take none of the file's bytes.
        try limits.check(
            width: Int(header.width), height: Int(header.height), format: .webp, byteCount: bytes.count,
            minimumByteCount: 0)
        let exif = Self.chunk("EXIF", in: bytes).map { content in
            // Some writers put JPEG's signature in front.
            EXIF(content.starts(with: "Exif\0\0".utf8) ? content.dropFirst(6) : content[...])
        }
        orientation = exif?.orientation ?? .asStored
        userComment = exif?.userComment
    }

    private var width: Int { Int(header.width) }
    private var height: Int { Int(header.height) }

    private static var damage: ImageError { .damaged(.webp, reason: "libwebp cannot read it") }

    private func readPicture() throws -> DecodedImage {
        let channels = header.has_alpha ? 4 : 3
        let pixels = header.is_animated ? try firstFrame(channels) : try read(bytes, width, height, channels)
        var rgb = pixels
        var alpha: [UInt8]?
        if channels == 4 {
            rgb = [UInt8](unsafeUninitializedCapacity: 3 * width * height) { output, count in
                count = 3 * width * height
                for pixel in 0..<width * height {
                    for channel in 0..<3 { output[3 * pixel + channel] = pixels[4 * pixel + channel] }
                }
            }
            alpha = stride(from: 3, to: pixels.count, by: 4).map { pixels[$0] }
        }
        let shown = orientation.shownSize(width: width, height: height)
        return DecodedImage(
            width: shown.width, height: shown.height,
            rgb: orientation.apply(to: rgb, width: width, height: height, channels: 3),
            alpha: alpha.map { orientation.apply(to: $0, width: width, height: height, channels: 1) },
            iccProfile: Self.chunk("ICCP", in: bytes).flatMap(usableICCProfile), parameters: userComment)
    }

    private func read(
        _ data: UnsafeBufferPointer<UInt8>, _ width: Int, _ height: Int, _ channels: Int
    ) throws -> [UInt8] {
        var pixels = [UInt8](repeating: 0, count: width * height * channels)
        let done = pixels.withUnsafeMutableBufferPointer {
            cimage_webp_read_pixels(data.baseAddress, data.count, width, height, channels == 4, $0.baseAddress)
        }
        guard done else { throw Self.damage }
        return pixels
    }

    /// The animation's canvas, transparent black, with the first frame on it: an ANMF chunk of 24-bit numbers (half its
    /// place, the sides less one, the duration), flags and chunks as of a still picture.
    private func firstFrame(_ channels: Int) throws -> [UInt8] {
        guard let content = Self.chunk("ANMF", in: bytes), content.count > 16 else { throw Self.damage }
        func number(_ index: Int) -> Int {
            (0..<3).reduce(0) { $0 | Int(content[3 * index + $1]) << (8 * $1) }
        }
        let (left, top, frameWidth, frameHeight) = (2 * number(0), 2 * number(1), number(2) + 1, number(3) + 1)
        let frame = UnsafeBufferPointer(rebasing: content[16...])
        var header = cimage_webp_header()
        guard cimage_webp_read_header(frame.baseAddress, frame.count, &header), Int(header.width) == frameWidth,
            Int(header.height) == frameHeight, left + frameWidth <= width, top + frameHeight <= height
        else { throw Self.damage }
        let pixels = try read(frame, frameWidth, frameHeight, channels)
        var canvas = [UInt8](repeating: 0, count: width * height * channels)
        for row in 0..<frameHeight {
            let start = ((top + row) * width + left) * channels
            canvas.replaceSubrange(
                start..<start + frameWidth * channels,
                with: pixels[row * frameWidth * channels..<(row + 1) * frameWidth * channels])
        }
        return canvas
    }

    /// The content of the first chunk of a name; nil when there is none or it is cut off.
    private static func chunk(_ name: String, in bytes: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8>? {
        var reader = ByteReader(bytes: bytes)
        reader.isBigEndian = false
        var offset = 12
        while let found = reader.slice(at: offset, count: 4), let size = reader.uint32(at: offset + 4),
            let content = reader.slice(at: offset + 8, count: size)
        {
            if found.elementsEqual(name.utf8) { return UnsafeBufferPointer(rebasing: content) }
            offset += 8 + size + size % 2
        }
        return nil
    }
}

extension ImageFile {
    /// Whether libwebp is installed.
    public static var readsWebP: Bool { cimage_webp_is_available() }
}
