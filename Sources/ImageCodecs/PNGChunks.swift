import CImageCodecs
import Foundation

/// What the chunks of a PNG file say that libpng is not asked for, found in one pass over their names and lengths.
///
/// libpng takes memory for a chunk before it looks whether the file holds it: what is listed here, it does.
struct PNGChunks {
    /// How many bytes the signature and the whole chunks before IEND take.
    private(set) var end = signature.count
    /// How many bytes the pixels take, deflated.
    private(set) var pixelBytes = 0
    private(set) var exif: EXIF?
    private(set) var parameters: String?
    private(set) var colours: ColourDescription?
    /// Whether a cICP chunk says what the colours are: it comes before a profile (PNG 3, 4.3).
    private(set) var hasCodes = false
    private(set) var resolution: ImageMetadata.Resolution?
    private(set) var notes: [String] = []

    static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    /// The key of the text chunk that holds the generation parameters.
    static let parametersKey = "parameters"
    /// A compressed text may unfold to this many bytes.
    private static let textLimit = 4 << 20

    /// Throws `ImageError` when a chunk that the image needs is cut off, and for Xcode's variant.
    init(_ bytes: UnsafeBufferPointer<UInt8>) throws {
        let reader = ByteReader(bytes: bytes)
        var (hasPixels, hasEnd, isSRGB) = (false, false, false)
        var gamma: Double?
        var chromaticities: [Double]?
        while let length = reader.uint32(at: end), let type = reader.slice(at: end + 4, count: 4) {
            let name = String(decoding: type, as: UTF8.self)
            if name == "IEND" {
                hasEnd = true
                if length != 0 || reader.uint32(at: end + 8) != 0xAE42_6082 { notes.append("its end is damaged") }
                break
            }
            if name == "CgBI", end == Self.signature.count {
                throw ImageError.unsupported(.png, reason: "Xcode's variant for iOS; export the image again")
            }
            guard let content = reader.slice(at: end + 8, count: length), let sum = reader.uint32(at: end + 8 + length)
            else {
                if hasPixels, name != "IDAT" { break }
                throw ImageError.damaged(.png, reason: "the file ends early")
            }
            let start = end
            end += 12 + length
            if name == "IDAT" {
                hasPixels = true
                pixelBytes += length
            }
            guard let first = type.first, first & 0x20 != 0 else { continue }  // libpng checks what an image needs
            let summed = UnsafeBufferPointer(rebasing: bytes[start + 4..<start + 8 + length])
            guard cimage_crc32(summed.baseAddress, summed.count) == UInt32(sum) else {
                if notes.isEmpty { notes.append("its \(Self.printable(name)) chunk is damaged and was left out") }
                continue
            }
            let chunk = UnsafeBufferPointer(rebasing: content)
            let values = ByteReader(bytes: chunk)
            switch name {
            case "eXIf" where exif == nil: exif = EXIF(chunk)
            case "tEXt", "zTXt", "iTXt": if parameters == nil { parameters = Self.parameters(name, chunk) }
            case "sRGB": isSRGB = true
            case "gAMA":
                gamma = values.uint32(at: 0).flatMap { (1000...1_000_000).contains($0) ? Double($0) / 1e5 : nil }
            case "cHRM":
                chromaticities = (0..<8).compactMap { values.uint32(at: 4 * $0).map { Double($0) / 1e5 } }
            case "cICP" where length == 4 && !hasPixels:
                // RGB of the full range; other matrices do not stand in PNG files.
                if chunk[2] == 0 {
                    colours = ColourDescription(primaries: Int(chunk[0]), transfer: Int(chunk[1]))
                    hasCodes = true
                }
            case "pHYs":
                if let across = values.uint32(at: 0), let down = values.uint32(at: 4), chunk.last == 1 {
                    // To a hundredth: 300 to an inch are stored as 11811 to a metre.
                    func perInch(_ perMetre: Int) -> Double { (Double(perMetre) * 2.54).rounded() / 100 }
                    resolution = .init(across: perInch(across), down: perInch(down))
                }
            default: break
            }
        }
        guard hasPixels || hasEnd else { throw ImageError.damaged(.png, reason: "the file ends early") }
        if !hasEnd { notes.append("its end is missing") }
        if !isSRGB, !hasCodes { colours = Self.colours(gamma: gamma, chromaticities: chromaticities) }
    }

    /// sRGB's numbers, as many programs write them, are nil.
    private static func colours(gamma: Double?, chromaticities: [Double]?) -> ColourDescription? {
        guard let gamma else { return nil }
        let found = chromaticities.flatMap { $0.count == 8 ? $0 : nil } ?? ColourDescription.sRGB
        let hasItsPrimaries = zip(found, ColourDescription.sRGB).allSatisfy { abs($0 - $1) < 0.01 }
        return abs(gamma - 0.45455) < 0.005 && hasItsPrimaries
            ? nil : ColourDescription(chromaticities: found, transfer: .gamma(1 / gamma))
    }

    /// The text of a chunk with the key of the parameters.
    private static func parameters(_ name: String, _ content: UnsafeBufferPointer<UInt8>) -> String? {
        guard content.starts(with: parametersKey.utf8), content.count > parametersKey.utf8.count,
            content[parametersKey.utf8.count] == 0
        else { return nil }
        let rest = content.dropFirst(parametersKey.utf8.count + 1)
        switch name {
        case "tEXt": return latin1(rest)
        case "zTXt": return rest.first == 0 ? inflated(rest.dropFirst()).map(latin1) : nil
        default:
            // iTXt: whether and how it is compressed, a language, the key in that language.
            guard let isCompressed = rest.first, rest.count > 2 else { return nil }
            let fields = rest.dropFirst(2).split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { return nil }
            let text = fields[2]
            guard isCompressed == 1 else { return String(decoding: text, as: UTF8.self) }
            return inflated(text).map { String(decoding: $0, as: UTF8.self) }
        }
    }

    private static func latin1(_ bytes: some Sequence<UInt8>) -> String {
        String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
    }

    private static func inflated(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> [UInt8]? {
        let bytes = UnsafeBufferPointer(rebasing: bytes)
        var output = cimage_buffer()
        guard cimage_inflate(bytes.baseAddress, bytes.count, textLimit, &output) else { return nil }
        defer { free(output.bytes) }
        return [UInt8](UnsafeBufferPointer(start: output.bytes, count: output.size))
    }

    private static func printable(_ name: String) -> String {
        name.utf8.allSatisfy { (0x41...0x5A).contains($0 & 0xDF) } ? name : "unknown"
    }
}
