import Foundation
import ImageCodecs

extension FuzzCase {
    private static let fixtures = "Tests/ImageCodecsTests/Fixtures"

    /// A case for each format that can be read here, with the fixtures as its seeds, and for what formats share. Raw files of
    /// cameras are TIFF files on their way.
    static let pictures =
        ImageFormat.all.filter { $0.isReadable && $0 != .cameraRaw }.map(reader) + sharedReaders

    private static func reader(of format: ImageFormat) -> FuzzCase {
        FuzzCase(
            name: format.name.lowercased().filter { $0 != " " },
            seeds: {
                let folder = repository.appendingPathComponent(fixtures)
                let paths = try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted()
                return try paths.filter { path in
                    format.fileExtensions.contains { path.hasSuffix("." + $0) }
                }.map { try file("\(fixtures)/\($0)") }
            },
            words: words[format] ?? [], repair: repairs[format] ?? { _ in }, read: { input, _ in try decode(input) })
    }

    /// Words that mean something to a format's reader.
    private static let words: [ImageFormat: [String]] = [
        .png: chunkNames,
        .jpeg: ["Exif\0\0", "ICC_PROFILE\0", "Adobe", "JFIF\0"],
        .webp: ["VP8 ", "VP8L", "VP8X", "ALPH", "ANIM", "ANMF", "ICCP", "EXIF", "RIFF", "WEBP"],
        .heic: heifBoxes + ["hvcC", "hvc1", "heic", "grid", "iovl", "iden"],
        .avif: heifBoxes + ["av1C", "av01", "avif", "avis", "grid"],
        .jpegXL: ["JXL ", "ftyp", "jxlc", "jxlp", "Exif", "brob", "jbrd"],
        .tiff: ["II*\0", "MM\0*", "II+\0"],
        .gif: ["GIF89a", "\u{21}\u{79}\u{4}"],
        .bmp: ["BM"],
        .pnm: ["P1", "P3", "P6", "P7\n", "WIDTH ", "HEIGHT ", "DEPTH ", "MAXVAL ", "TUPLTYPE ", "ENDHDR\n", "#"],
        .qoi: ["qoif"],
    ]

    private static let heifBoxes = [
        "ftyp", "meta", "hdlr", "pitm", "iloc", "iinf", "infe", "iref", "dimg", "auxl", "cdsc", "iprp", "ipco", "ipma",
        "ispe", "irot", "imir", "clap", "colr", "pixi", "auxC", "idat", "mdat", "Exif", "mime",
    ]

    private static let repairs: [ImageFormat: @Sendable (inout [UInt8]) -> Void] = [.png: repairPNG, .webp: repairWebP]

    private static let sharedReaders = [
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
            repair: repairProfile,
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
    @Sendable private static func repairPNG(_ input: inout [UInt8]) {
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
        "fdAT", "cICP", "cHRM", "sRGB", "pHYs", "CgBI",
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
    @Sendable private static func repairWebP(_ input: inout [UInt8]) {
        guard input.count > 8 else { return }
        for index in 0..<4 { input[4 + index] = UInt8(truncatingIfNeeded: (input.count - 8) >> (8 * index)) }
    }

    /// Gives a profile its size and signature.
    @Sendable private static func repairProfile(_ input: inout [UInt8]) {
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
        var metadata = ImageMetadata()
        metadata.texts = [.artist: "Anna", .dateTimeOriginal: "2020:05:17 10:11:12"]
        metadata.resolution = .init(across: 300, down: 72.5)
        var blocks = [EXIF.block(userComment: "Steps: 20, é", metadata: metadata) ?? []]
        for file in try files(in: "\(fixtures)/jpeg", ".jpg") {
            let data = Data(file)
            guard let found = data.range(of: Data(signature)) else { continue }
            let length = Int(file[found.lowerBound - 2]) << 8 | Int(file[found.lowerBound - 1])
            blocks.append(Array(file[found.upperBound..<found.lowerBound - 2 + length]))
        }
        return blocks
    }
}
