import Foundation

extension ImageFormat {
    /// The "Quite OK Image" format: read.
    public static let qoi: ImageFormat = .init(
        "QOI", extensions: ["qoi"], maximumSide: 1_000_000, matches: { $0.has("qoif") },
        open: { try QOIReader($0, limits: $1) })
}

/// The "Quite OK Image" format (https://qoiformat.org/qoi-specification.pdf).
struct QOIReader: ImageReader {
    /// A byte stands for at most so many pixels.
    private static let longestRun = 62

    let header: ImageHeader
    private let bytes: ByteReader<UnsafeBufferPointer<UInt8>>

    init(_ data: UnsafeBufferPointer<UInt8>, limits: ImageLimits) throws {
        bytes = ByteReader(bytes: data)
        guard let width = bytes.uint32(at: 4), let height = bytes.uint32(at: 8), let channels = bytes.byte(at: 12)
        else {
            throw Self.cutOff
        }
        guard channels == 3 || channels == 4 else {
            throw ImageError.damaged(.qoi, reason: "\(channels) channels")
        }
        header = ImageHeader(format: .qoi, width: width, height: height, hasAlpha: channels == 4)
        try limits.check(
            width: width, height: height, format: .qoi, byteCount: data.count,
            minimumByteCount: width.multipliedCapped(by: height) / Self.longestRun)
    }

    private static var cutOff: ImageError { .damaged(.qoi, reason: "the file ends early") }

    func decode() throws -> DecodedImage {
        let count = header.width * header.height
        var rgb = [UInt8](repeating: 0, count: 3 * count)
        var alpha = [UInt8](repeating: 255, count: header.hasAlpha ? count : 0)
        var seen = [SIMD4<UInt8>](repeating: .zero, count: 64)
        var pixel = SIMD4<UInt8>(0, 0, 0, 255)
        var (offset, run) = (14, 0)
        func next() throws -> UInt8 {
            guard let byte = bytes.byte(at: offset) else { throw Self.cutOff }
            offset += 1
            return UInt8(byte)
        }
        for index in 0..<count {
            if run > 0 {
                run -= 1
            } else {
                let tag = try next()
                switch tag {
                case 0xFE: pixel = SIMD4(try next(), try next(), try next(), pixel.w)
                case 0xFF: pixel = SIMD4(try next(), try next(), try next(), try next())
                case 0x00...0x3F: pixel = seen[Int(tag)]
                case 0x40...0x7F:
                    let difference = SIMD4<UInt8>(tag >> 4 & 3, tag >> 2 & 3, tag & 3, 2)
                    pixel = pixel &+ difference &- 2
                case 0x80...0xBF:
                    let (green, other) = ((tag & 0x3F) &- 32, try next())
                    let difference = SIMD4<UInt8>(green &- 8 &+ (other >> 4), green, green &- 8 &+ (other & 15), 0)
                    pixel = pixel &+ difference
                default: run = Int(tag & 0x3F)
                }
                seen[(Int(pixel.x) * 3 + Int(pixel.y) * 5 + Int(pixel.z) * 7 + Int(pixel.w) * 11) % 64] = pixel
            }
            for channel in 0..<3 { rgb[3 * index + channel] = pixel[channel] }
            if header.hasAlpha { alpha[index] = pixel.w }
        }
        let pixels = StoredPixels(
            width: header.width, height: header.height, rgb: rgb, alpha: header.hasAlpha ? alpha : nil)
        return pixels.shown(.asStored, header)
    }
}
