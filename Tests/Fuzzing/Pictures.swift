import Foundation
import ImageCodecs

extension FuzzCase {
    private static let fixtures = "Tests/ImageCodecsTests/Fixtures"

    static let pictures = always + (ImageFile.readsWebP ? [webp] : [])

    private static let webp = FuzzCase(
        name: "webp", seeds: { try files(in: "\(fixtures)/webp", ".webp") },
        words: ["VP8 ", "VP8L", "VP8X", "ALPH", "ANIM", "ANMF", "ICCP", "EXIF", "RIFF", "WEBP"], mend: mendWebP,
        read: { input, _ in try decode(input) })

    private static let always = [
        FuzzCase(
            name: "png", seeds: { try files(in: "\(fixtures)/png", ".png") },
            words: chunkNames, mend: mendPNG, read: { input, _ in try decode(input) }),
        FuzzCase(
            name: "jpeg", seeds: { try files(in: "\(fixtures)/jpeg", ".jpg") },
            words: ["Exif\0\0", "ICC_PROFILE\0", "Adobe", "JFIF\0"], read: { input, _ in try decode(input) }),
        FuzzCase(
            name: "exif", seeds: exifBlocks, words: ["UNICODE\0", "ASCII\0\0\0", "II*\0", "MM\0*"],
            read: { input, _ in
                let exif = EXIF(input)
                _ = exif.orientation.apply(to: [1, 2, 3, 4, 5, 6], width: 3, height: 2, channels: 1)
            }),
        FuzzCase(
            name: "icc",
            seeds: {
                [try file("\(fixtures)/display-p3.icc")] + (try profiles(in: ["png/profile.png", "jpeg/profile.jpg"]))
            },
            words: [
                "acsp", "RGB ", "GRAY", "XYZ ", "Lab ", "para", "curv", "mAB ", "mft1", "mft2", "A2B0", "B2A0", "rTRC",
            ],
            mend: mendProfile,
            read: { input, _ in
                guard let profile = ColourProfile(icc: Data(input)) else {
                    throw ImageError.unsupported(.png, reason: "no profile")
                }
                // Now and then more colours, for which a table is made first, in tens of milliseconds.
                let colours = (0..<(input.count % 32 == 0 ? 30_003 : 30)).map { UInt8(truncatingIfNeeded: 11 * $0) }
                precondition(profile.toSRGB(colours).count == colours.count)
                _ = profile.fromSRGB(colours)
            }),
    ]

    /// Pictures of a few bytes may claim millions of pixels; more than these say nothing new.
    private static let limits = ImageLimits(maximumPixels: 1 << 22)

    private static func decode(_ input: [UInt8]) throws {
        let data = Data(input)
        let header = try ImageFile.header(of: data, limits: limits)
        let picture = try ImageFile.decode(data, limits: limits)
        precondition(picture.width == header.width && picture.height == header.height)
        precondition((picture.alpha != nil) == header.hasAlpha)
    }

    /// Gives each chunk the length up to the next one's name and the check sum of its content.
    @Sendable private static func mendPNG(_ input: inout [UInt8]) {
        let around = (before: 4, after: 4)  // the length in front, the check sum behind
        var names = input.indices.dropFirst(8 + around.before).filter { isChunkName(input[$0...].prefix(4)) }
        names.append(input.count + around.before)
        for (name, next) in zip(names, names.dropFirst()) where next - name >= 4 + around.after + around.before {
            let end = next - around.before - around.after
            put(end - name - 4, at: name - around.before)
            put(Int(crc32(input[name..<end])), at: end)
        }
        func put(_ value: Int, at place: Int) {
            for index in 0..<4 { input[place + index] = UInt8(truncatingIfNeeded: value >> (8 * (3 - index))) }
        }
    }

    private static let chunkNames = [
        "IHDR", "PLTE", "IDAT", "IEND", "tRNS", "iCCP", "eXIf", "tEXt", "zTXt", "iTXt", "gAMA", "bKGD", "acTL", "fcTL",
        "fdAT",
    ]
    private static let chunkNameBytes = Set(chunkNames.map { Array($0.utf8) })

    private static func isChunkName(_ bytes: ArraySlice<UInt8>) -> Bool { chunkNameBytes.contains(Array(bytes)) }

    private static let crcTable = (0..<UInt32(256)).map { byte in
        (0..<8).reduce(byte) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
    }

    private static func crc32(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        ~bytes.reduce(~UInt32(0)) { crcTable[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ $0 >> 8 }
    }

    /// Gives the RIFF header the file's size.
    @Sendable private static func mendWebP(_ input: inout [UInt8]) {
        guard input.count > 8 else { return }
        for index in 0..<4 { input[4 + index] = UInt8(truncatingIfNeeded: (input.count - 8) >> (8 * index)) }
    }

    /// Gives a profile its size and signature.
    @Sendable private static func mendProfile(_ input: inout [UInt8]) {
        guard input.count >= 132 else { return }
        for index in 0..<4 { input[index] = UInt8(truncatingIfNeeded: input.count >> (8 * (3 - index))) }
        input.replaceSubrange(16..<20, with: "RGB ".utf8)
        input.replaceSubrange(36..<40, with: "acsp".utf8)
    }

    private static func profiles(in pictures: [String]) throws -> [[UInt8]] {
        try pictures.compactMap { name in
            try ImageFile.decode(Data(file("\(fixtures)/\(name)"))).iccProfile.map { [UInt8]($0) }
        }
    }

    /// The blocks inside the fixtures that have one, and one of this program's own.
    @Sendable private static func exifBlocks() throws -> [[UInt8]] {
        let signature = Array("Exif\0\0".utf8)
        var blocks = [Array((EXIF.segment(userComment: "Steps: 20, é") ?? []).dropFirst(signature.count))]
        for file in try files(in: "\(fixtures)/jpeg", ".jpg") {
            let data = Data(file)
            guard let found = data.range(of: Data(signature)) else { continue }
            let length = Int(file[found.lowerBound - 2]) << 8 | Int(file[found.lowerBound - 1])
            blocks.append(Array(file[found.upperBound..<found.lowerBound - 2 + length]))
        }
        return blocks
    }
}
