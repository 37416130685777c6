import Foundation

extension ImageFormat {
    /// GIF: the first frame is read.
    public static let gif: ImageFormat = .init(
        "GIF", extensions: ["gif"], maximumSide: 65_535, matches: { $0.has("GIF87a") || $0.has("GIF89a") },
        open: { try GIFReader($0, limits: $1) })
}

/// The first frame of a GIF file (GIF89a specification, W3C), on a transparent canvas.
struct GIFReader: ImageReader {
    let header: ImageHeader
    private let bytes: ByteReader<UnsafeBufferPointer<UInt8>>
    private let frame: Frame

    private struct Frame {
        var left = 0, top = 0, width = 0, height = 0
        var isInterlaced = false
        /// Where the colours are, three bytes each.
        var colours = 0
        var colourCount = 0
        var transparentIndex: Int?
        /// Where the size of the shortest code is; the blocks of codes follow.
        var data = 0
    }

    init(_ data: UnsafeBufferPointer<UInt8>, limits: ImageLimits) throws {
        var bytes = ByteReader(bytes: data)
        bytes.isBigEndian = false
        self.bytes = bytes
        guard var width = bytes.uint16(at: 6), var height = bytes.uint16(at: 8), let flags = bytes.byte(at: 10) else {
            throw Self.cutOff
        }
        frame = try Self.firstFrame(bytes, screenFlags: flags)
        // Some files have no canvas of their own.
        width = max(width, width == 0 ? frame.width : 0)
        height = max(height, height == 0 ? frame.height : 0)
        guard frame.left + frame.width <= width, frame.top + frame.height <= height else {
            throw ImageError.damaged(.gif, reason: "the first frame lies outside the image")
        }
        let isWhole = frame.width == width && frame.height == height
        header = ImageHeader(
            format: .gif, width: width, height: height, hasAlpha: frame.transparentIndex != nil || !isWhole)
        try limits.check(width: width, height: height, format: .gif, byteCount: data.count)
    }

    private static var cutOff: ImageError { .damaged(.gif, reason: "the file ends early") }

    private static func firstFrame(
        _ bytes: ByteReader<UnsafeBufferPointer<UInt8>>, screenFlags: Int
    ) throws -> Frame {
        func tableSize(_ flags: Int) -> Int { flags & 0x80 == 0 ? 0 : 2 << (flags & 7) }
        var frame = Frame()
        (frame.colours, frame.colourCount) = (13, tableSize(screenFlags))
        var offset = 13 + 3 * frame.colourCount
        while let kind = bytes.byte(at: offset) {
            switch kind {
            case 0x21:  // an extension
                if bytes.byte(at: offset + 1) == 0xF9, let flags = bytes.byte(at: offset + 3) {
                    frame.transparentIndex = flags & 1 == 1 ? bytes.byte(at: offset + 6) : nil
                }
                offset += 2
                while let size = bytes.byte(at: offset), size > 0 { offset += 1 + size }
                offset += 1
            case 0x2C:  // a picture
                guard let left = bytes.uint16(at: offset + 1), let top = bytes.uint16(at: offset + 3),
                    let width = bytes.uint16(at: offset + 5), let height = bytes.uint16(at: offset + 7),
                    let flags = bytes.byte(at: offset + 9)
                else { throw cutOff }
                (frame.left, frame.top, frame.width, frame.height) = (left, top, width, height)
                frame.isInterlaced = flags & 0x40 != 0
                offset += 10
                if tableSize(flags) > 0 {
                    (frame.colours, frame.colourCount) = (offset, tableSize(flags))
                    offset += 3 * frame.colourCount
                }
                frame.data = offset
                return frame
            case 0x3B: throw ImageError.damaged(.gif, reason: "it holds no image")
            default: throw ImageError.damaged(.gif, reason: "an unknown block")
            }
        }
        throw cutOff
    }

    func decode() throws -> DecodedImage {
        let indices = try self.indices()
        guard let table = bytes.slice(at: frame.colours, count: 3 * frame.colourCount) else { throw Self.cutOff }
        let colours = Array(table)
        var rgb = [UInt8](repeating: 0, count: 3 * header.width * header.height)
        var alpha = [UInt8](repeating: 0, count: header.hasAlpha ? header.width * header.height : 0)
        for (stored, shown) in rowOrder().enumerated() {
            for column in 0..<frame.width {
                let index = Int(indices[stored * frame.width + column])
                let pixel = (frame.top + shown) * header.width + frame.left + column
                // An index without a colour is black, as elsewhere.
                if index < frame.colourCount {
                    for channel in 0..<3 { rgb[3 * pixel + channel] = colours[3 * index + channel] }
                }
                if header.hasAlpha { alpha[pixel] = index == frame.transparentIndex ? 0 : 255 }
            }
        }
        let pixels = StoredPixels(
            width: header.width, height: header.height, rgb: rgb, alpha: header.hasAlpha ? alpha : nil)
        return pixels.shown(.asStored, header)
    }

    /// The rows in the order in which they are stored: of interlaced images first each eighth.
    private func rowOrder() -> [Int] {
        guard frame.isInterlaced else { return Array(0..<frame.height) }
        return [(0, 8), (4, 8), (2, 4), (1, 2)].flatMap { Array(stride(from: $0.0, to: frame.height, by: $0.1)) }
    }

    /// The frame's pixels, unpacked (LZW with codes of up to 12 bits).
    private func indices() throws -> [UInt8] {
        guard let shortest = bytes.byte(at: frame.data), (1...11).contains(shortest) else {
            throw ImageError.damaged(.gif, reason: "codes of an impossible size")
        }
        let packed = try packedBytes()
        let count = frame.width * frame.height
        let (clear, end) = (1 << shortest, 1 << shortest + 1)
        // A code stands for its prefix's bytes and one more.
        var prefix = [Int16](repeating: 0, count: 4096)
        var last = [UInt8](repeating: 0, count: 4096)
        var first = last
        var length = [Int](repeating: 1, count: 4096)
        for code in 0..<min(clear, 256) { (last[code], first[code]) = (UInt8(code), UInt8(code)) }
        var output = [UInt8](repeating: 0, count: count)
        var (filled, next, size, previous) = (0, end + 1, shortest + 1, -1)
        var (bits, bitCount, position) = (0, 0, 0)
        while filled < count {
            while bitCount < size, position < packed.count {
                bits |= Int(packed[position]) << bitCount
                bitCount += 8
                position += 1
            }
            guard bitCount >= size else { throw Self.cutOff }
            let code = bits & (1 << size - 1)
            bits >>= size
            bitCount -= size
            if code == clear {
                (next, size, previous) = (end + 1, shortest + 1, -1)
                continue
            }
            guard code != end else { throw Self.cutOff }
            guard code < next || code == next && previous >= 0, code < clear || code > end else {
                throw ImageError.damaged(.gif, reason: "an impossible code")
            }
            if previous >= 0, next < 4096 {
                prefix[next] = Int16(previous)
                first[next] = first[previous]
                last[next] = first[code == next ? previous : code]
                length[next] = length[previous] + 1
                next += 1
                if next == 1 << size, size < 12 { size += 1 }
            }
            // The bytes come out of the table last first.
            let run = length[code]
            var (place, current) = (filled + run, code)
            filled = place
            for _ in 0..<run {
                place -= 1
                if place < count { output[place] = last[current] }
                current = Int(prefix[current])
            }
            previous = code
        }
        return output
    }

    private func packedBytes() throws -> [UInt8] {
        var packed: [UInt8] = []
        var offset = frame.data + 1
        while let size = bytes.byte(at: offset), size > 0 {
            guard let block = bytes.slice(at: offset + 1, count: size) else {
                // The pixels may be complete all the same.
                packed += bytes.slice(at: offset + 1, count: bytes.bytes.count - offset - 1) ?? bytes.bytes[..<0]
                break
            }
            packed += block
            offset += 1 + size
        }
        return packed
    }
}
