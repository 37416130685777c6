import CImageCodecs
import Foundation

extension ImageFormat {
    /// WebP: read and written where libwebp is installed.
    public static let webp: ImageFormat = .init(
        "WebP", extensions: ["webp"], maximumSide: 16_383,
        library: ImageLibrary(
            package: "libwebp7", isReadable: { cimage_webp_is_available() }, isWritable: { cimage_webp_is_available() }),
        writer: ImageWriter(takesQuality: true, hasLossless: true) { image, options in
            try image.webp(quality: options.quality, lossless: options.isLossless)
        },
        matches: { $0.has("RIFF") && $0.has("WEBP", at: 8) }, open: { try WebPReader($0, limits: $1) })
}

/// A WebP file: the container, which is read here, around images, which libwebp reads.
struct WebPReader: ImageReader {
    let header: ImageHeader
    private let container: WebPContainer
    private let stored: cimage_webp_header
    private let orientation: Orientation

    init(_ bytes: UnsafeBufferPointer<UInt8>, limits: ImageLimits) throws {
        try ImageFormat.webp.requireReadable()
        container = WebPContainer(bytes)
        var stored = cimage_webp_header()
        guard cimage_webp_read_header(bytes.baseAddress, bytes.count, &stored) else { throw Self.damage }
        self.stored = stored
        try limits.check(
            width: Int(stored.width), height: Int(stored.height), format: .webp, byteCount: bytes.count)
        let exif = container.chunk("EXIF").map { content in
            // Some writers put JPEG's signature in front.
            EXIF(content.starts(with: EXIF.jpegSignature) ? content.dropFirst(6) : content[...])
        }
        orientation = exif?.orientation ?? .asStored
        header = ImageHeader(
            format: .webp, width: Int(stored.width), height: Int(stored.height), hasAlpha: stored.has_alpha,
            exif: exif ?? EXIF())
        // The header of 38 bytes may claim anything; the pixels of one colour take hardly more, but they are there.
        guard stored.is_animated || container.hasPicture else { throw Self.damage }
    }

    private var width: Int { Int(stored.width) }
    private var height: Int { Int(stored.height) }

    private static var damage: ImageError { .damaged(.webp, reason: "libwebp cannot read it") }

    func decode() throws -> DecodedImage {
        let channels = stored.has_alpha ? 4 : 3
        let samples =
            stored.is_animated ? try firstFrame(channels) : try read(container.bytes, width, height, channels)
        var pixels =
            channels == 4
            ? StoredPixels(width: width, height: height, rgba: samples)
            : StoredPixels(width: width, height: height, rgb: samples)
        if let profile = container.chunk("ICCP") { pixels.apply(iccProfile: profile, isGrey: false) }
        return pixels.shown(orientation, header)
    }

    private func read(
        _ data: UnsafeBufferPointer<UInt8>, _ width: Int, _ height: Int, _ channels: Int
    ) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: width * height * channels) { output, count in
            // libwebp writes all or fails.
            guard
                cimage_webp_read_pixels(
                    data.baseAddress, data.count, width, height, channels == 4, output.baseAddress)
            else { throw Self.damage }
            count = width * height * channels
        }
    }

    /// The animation's canvas, transparent black, with the first frame on it: an ANMF chunk of 24-bit numbers (half its
    /// place, the sides less one, the duration), flags and chunks as of a still image.
    private func firstFrame(_ channels: Int) throws -> [UInt8] {
        guard let content = container.chunk("ANMF"), content.count > 16 else { throw Self.damage }
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
}

/// The chunks of a WebP file: "RIFF", size, "WEBP", then chunks of a name, a little-endian size and content of even length
/// (https://developers.google.com/speed/webp/docs/riff_container).
struct WebPContainer {
    let bytes: UnsafeBufferPointer<UInt8>

    init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    /// The content of the first chunk of a name; nil when there is none or it is cut off.
    func chunk(_ name: String) -> UnsafeBufferPointer<UInt8>? {
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

    /// Whether a still image's pixels are there, whole.
    var hasPicture: Bool { chunk("VP8 ") != nil || chunk("VP8L") != nil }
}

extension DecodedImage {
    /// Encodes as WebP at a quality of 1 to 100 or without loss, with alpha, the ICC profile, and the parameters as EXIF
    /// user comment.
    ///
    /// Throws `ImageError.encodingFailed`.
    public func webp(quality: Int, lossless: Bool = false) throws -> Data {
        let plain = try encode(as: .webp) { picture, output, message in
            cimage_webp_encode(picture, Int32(quality), lossless, output, message)
        }
        let exif = EXIF.block(userComment: parameters, metadata: metadata)
        guard iccProfile != nil || exif != nil else { return plain }
        let pictures = ["ALPH", "VP8 ", "VP8L"]
        let found = plain.withUnsafeBytes { bytes in
            let container = WebPContainer(bytes.bindMemory(to: UInt8.self))
            return pictures.compactMap { name in container.chunk(name).map { (name, Data(buffer: $0)) } }
        }
        func littleEndian(_ value: Int, _ count: Int) -> Data {
            Data((0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) })
        }
        func chunk(_ name: String, _ content: Data) -> Data {
            Data(name.utf8) + littleEndian(content.count, 4) + content + Data(count: content.count % 2)
        }
        let flags = (iccProfile != nil ? 0x20 : 0) | (alpha != nil ? 0x10 : 0) | (exif != nil ? 0x08 : 0)
        var body = chunk("VP8X", littleEndian(flags, 4) + littleEndian(width - 1, 3) + littleEndian(height - 1, 3))
        if let iccProfile { body += chunk("ICCP", iccProfile) }
        for (name, content) in found { body += chunk(name, content) }
        if let exif { body += chunk("EXIF", Data(exif)) }
        return Data("RIFF".utf8) + littleEndian(body.count + 4, 4) + Data("WEBP".utf8) + body
    }
}
