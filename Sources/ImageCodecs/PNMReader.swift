import Foundation

extension ImageFormat {
    /// Netpbm's PBM, PGM, PPM and PAM: read.
    public static let pnm: ImageFormat = .init(
        "PNM", extensions: ["pnm", "ppm", "pgm", "pbm", "pam"], maximumSide: 1_000_000,
        matches: { start in
            // A letter, a digit and a space are little to go by: a number, a comment or a word must follow.
            guard start.has("P"), start.bytes.count > 3, (0x31...0x37).contains(start.bytes[1]),
                PNMReader.isSpace(start.bytes[2])
            else { return false }
            let next = start.bytes.dropFirst(2).first { !PNMReader.isSpace($0) } ?? 0
            return (0x30...0x39).contains(next) || next == UInt8(ascii: "#")
                || start.bytes[1] == UInt8(ascii: "7") && (0x41...0x5A).contains(next)
        },
        open: { try PNMReader($0, limits: $1) })
}

/// The portable images of Netpbm: bitmaps, grey and colour as text (P1 to P3) or bytes (P4 to P6), and PAM (P7).
struct PNMReader: ImageReader {
    let header: ImageHeader
    private let bytes: UnsafeBufferPointer<UInt8>
    private let kind: Int
    private let channels: Int
    private let largest: Int
    private let start: Int

    init(_ bytes: UnsafeBufferPointer<UInt8>, limits: ImageLimits) throws {
        self.bytes = bytes
        kind = Int(bytes[1]) - 0x30
        var scanner = Scanner(bytes: bytes, offset: 2)
        var (width, height, largest, channels) = (0, 0, 1, [3, 6].contains(kind) ? 3 : 1)
        if kind == 7 {
            var fields: [String: Int] = [:]
            while let word = scanner.word(), word != "ENDHDR" {
                if word == "TUPLTYPE" {
                    scanner.skipLine()
                } else if let value = scanner.number() {
                    fields[word] = value
                } else {
                    throw Self.damage
                }
            }
            (width, height) = (fields["WIDTH"] ?? 0, fields["HEIGHT"] ?? 0)
            (largest, channels) = (fields["MAXVAL"] ?? 0, fields["DEPTH"] ?? 0)
        } else {
            guard let first = scanner.number(), let second = scanner.number() else { throw Self.damage }
            (width, height) = (first, second)
            if ![1, 4].contains(kind) {
                guard let number = scanner.number() else { throw Self.damage }
                largest = number
            }
        }
        guard (1...4).contains(channels), (1...65535).contains(largest) else { throw Self.damage }
        // One space ends the header.
        start = scanner.offset + 1
        (self.channels, self.largest) = (channels, largest)
        header = ImageHeader(format: .pnm, width: width, height: height, hasAlpha: channels == 2 || channels == 4)
        let isText = kind <= 3
        let row = kind == 4 ? width / 8 : width.multipliedCapped(by: channels * (!isText && largest > 255 ? 2 : 1))
        try limits.check(
            width: width, height: height, format: .pnm, byteCount: bytes.count,
            minimumByteCount: row.multipliedCapped(by: height))
    }

    private static var damage: ImageError { .damaged(.pnm, reason: "its header is not complete") }
    private static var cutOff: ImageError { .damaged(.pnm, reason: "the file ends early") }

    func decode() throws -> DecodedImage {
        let count = header.width * header.height
        let samples = kind <= 3 ? try textSamples(count * channels) : try storedSamples(count * channels)
        var rgb = [UInt8](repeating: 0, count: 3 * count)
        var alpha = [UInt8](repeating: 255, count: header.hasAlpha ? count : 0)
        let colours = channels >= 3 ? 3 : 1
        for pixel in 0..<count {
            for channel in 0..<3 {
                rgb[3 * pixel + channel] = samples[pixel * channels + min(channel, colours - 1)]
            }
            if header.hasAlpha { alpha[pixel] = samples[pixel * channels + channels - 1] }
        }
        let pixels = StoredPixels(
            width: header.width, height: header.height, rgb: rgb, alpha: header.hasAlpha ? alpha : nil)
        return pixels.shown(.asStored, header)
    }

    /// Of bitmaps 1 is black, else the largest value white.
    private func scaled(_ value: Int) -> UInt8 {
        if kind == 1 || kind == 4 { return value == 0 ? 255 : 0 }
        return UInt8((min(value, largest) * 255 + largest / 2) / largest)
    }

    private func textSamples(_ count: Int) throws -> [UInt8] {
        var scanner = Scanner(bytes: bytes, offset: start - 1)
        return try (0..<count).map { _ in
            // The digits of a bitmap need no space between them.
            guard let value = kind == 1 ? scanner.digit() : scanner.number() else { throw Self.cutOff }
            return scaled(value)
        }
    }

    private func storedSamples(_ count: Int) throws -> [UInt8] {
        let reader = ByteReader(bytes: bytes)
        if kind == 4 {
            let rowBytes = (header.width + 7) / 8
            guard let stored = reader.slice(at: start, count: rowBytes * header.height) else { throw Self.cutOff }
            return (0..<count).map { index in
                let (y, x) = index.quotientAndRemainder(dividingBy: header.width)
                return scaled(Int(stored[stored.startIndex + y * rowBytes + x / 8] >> UInt8(7 - x % 8)) & 1)
            }
        }
        let size = largest > 255 ? 2 : 1
        guard let stored = reader.slice(at: start, count: count * size) else { throw Self.cutOff }
        return (0..<count).map { index in
            let place = stored.startIndex + index * size
            return scaled(size == 1 ? Int(stored[place]) : Int(stored[place]) << 8 | Int(stored[place + 1]))
        }
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    /// Words and numbers between spaces and comments.
    private struct Scanner {
        let bytes: UnsafeBufferPointer<UInt8>
        var offset: Int

        private mutating func skipSpace() {
            while offset < bytes.count {
                if bytes[offset] == UInt8(ascii: "#") {
                    skipLine()
                } else if PNMReader.isSpace(bytes[offset]) {
                    offset += 1
                } else {
                    return
                }
            }
        }

        mutating func skipLine() {
            while offset < bytes.count, bytes[offset] != UInt8(ascii: "\n") { offset += 1 }
        }

        mutating func number() -> Int? {
            skipSpace()
            var value: Int?
            while offset < bytes.count, (0x30...0x39).contains(bytes[offset]) {
                let (product, overflow) = (value ?? 0).multipliedReportingOverflow(by: 10)
                guard !overflow, product < 1 << 40 else { return nil }
                value = product + Int(bytes[offset] - 0x30)
                offset += 1
            }
            return value
        }

        mutating func digit() -> Int? {
            skipSpace()
            guard offset < bytes.count, bytes[offset] == 0x30 || bytes[offset] == 0x31 else { return nil }
            offset += 1
            return Int(bytes[offset - 1] - 0x30)
        }

        mutating func word() -> String? {
            skipSpace()
            let start = offset
            while offset < bytes.count, !PNMReader.isSpace(bytes[offset]), offset - start < 32 { offset += 1 }
            return offset == start ? nil : String(decoding: bytes[start..<offset], as: UTF8.self)
        }
    }
}
