import Foundation
import ImageCodecs
import Testing

/// A picture file and what it decodes to: an entry of Fixtures/pictures.json or Fixtures/formats.json.
struct PictureFixture: Decodable, CustomTestStringConvertible {
    let file: String
    let width: Int
    let height: Int
    let rgb: Data
    let alpha: Data?
    let icc: Data?
    let parameters: String?
    /// How far a value may be off: 1 where a library's own arithmetic may round otherwise.
    let tolerance: Int?
    /// The colours in sRGB.
    let srgb: Data?
    /// Whether something is wrong with the file that can be repaired.
    let noted: Bool?
    /// How many rows are certain; all when nil.
    let wholeRows: Int?

    var testDescription: String { file }

    func data() throws -> Data { try fixture(file) }

    static let stored = load([PictureFixture].self, "pictures.json") + load([PictureFixture].self, "formats.json")

    /// Those that can be read here: some formats need libraries.
    static let all = stored.filter(\.format.isReadable)

    var format: ImageFormat { ImageFormat(fileExtension: String(file.split(separator: ".").last ?? "")) ?? .png }

    static func named(_ file: String) throws -> PictureFixture {
        try #require(all.first { $0.file == file })
    }
}

/// Pixels between a profile and sRGB: the entry of Fixtures/colour.json.
struct ColourFixture: Decodable {
    let toSRGB: Data
    let fromSRGB: Data

    static let all = load([ColourFixture].self, "colour.json")
}

/// An entry of Fixtures/guided-enlargement.json.
struct GuidedEnlargementFixture: Decodable, CustomTestStringConvertible {
    let width: Int
    let height: Int
    let newWidth: Int
    let newHeight: Int
    let picture: Data
    let guide: Data
    let result: Data

    var testDescription: String { "\(width)x\(height) to \(newWidth)x\(newHeight)" }

    static let all = load([GuidedEnlargementFixture].self, "guided-enlargement.json")
}

/// A resize and a hash of what it gives: an entry of Fixtures/resampling.json.
struct ResamplingFixture: Decodable, CustomTestStringConvertible {
    let width: Int
    let height: Int
    let channels: Int
    let newWidth: Int
    let newHeight: Int
    let hash: String
    let pixels: Data?

    var testDescription: String { "[\(height), \(width), \(channels)] to \(newWidth)x\(newHeight)" }

    static let all = load([ResamplingFixture].self, "resampling.json")
}

func fixture(_ name: String) throws -> Data {
    let folder = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
    return try Data(contentsOf: folder.appendingPathComponent(name))
}

/// Empty when the file cannot be read, which the tests over it notice.
private func load<Entry: Decodable>(_ type: [Entry].Type, _ name: String) -> [Entry] {
    (try? JSONDecoder().decode(type, from: fixture(name))) ?? []
}

/// The same bytes as `synthetic` of make_fixtures.py: noise, a quarter of it black and white.
func syntheticBytes(_ count: Int) -> [UInt8] {
    (0..<count).map { index in
        var value = UInt32(truncatingIfNeeded: index) &* 2_654_435_761
        value ^= value >> 15
        value = value &* 2_246_822_519
        value ^= value >> 13
        let noise = UInt8(value >> 24)
        return index / 96 % 4 == 0 ? (noise < 128 ? 0 : 255) : noise
    }
}

/// FNV-1a of 64 bits.
func hash(_ bytes: [UInt8]) -> UInt64 {
    bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
}

/// SplitMix64, so that a failing mutation can be found again.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}

/// A PNG chunk with its check sum.
func pngChunk(_ type: String, _ content: some Sequence<UInt8>) -> Data {
    let content = Array(content)
    let body = Array(type.utf8) + content
    return Data(bigEndian(content.count) + body + bigEndian(Int(crc32(body))))
}

func bigEndian(_ value: Int) -> [UInt8] {
    (0..<4).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
}

func crc32(_ bytes: some Sequence<UInt8>) -> UInt32 {
    var crc = ~UInt32(0)
    for byte in bytes {
        crc ^= UInt32(byte)
        for _ in 0..<8 {
            crc = crc & 1 == 1 ? (crc >> 1) ^ 0xedb8_8320 : crc >> 1
        }
    }
    return ~crc
}

let pngSignature = Data([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])

/// A PNG whose header claims a size, with the given bytes as its pixel data.
func png(claiming width: Int, _ height: Int, pixelData: Data) -> Data {
    pngSignature + pngHeader(width, height, depth: 8, colour: 2) + pngChunk("IDAT", pixelData) + pngChunk("IEND", [])
}

func pngHeader(_ width: Int, _ height: Int, depth: UInt8, colour: UInt8) -> Data {
    var content = bigEndian(width)
    content += bigEndian(height)
    content += [depth, colour, 0, 0, 0]
    return pngChunk("IHDR", content)
}
