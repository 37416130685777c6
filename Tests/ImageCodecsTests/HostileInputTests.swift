import Foundation
import ImageCodecs
import TestSupport
import Testing

@Suite struct HostileInputTests {
    let limits = ImageLimits(maximumPixels: 1 << 20)

    @Test func refusesWhatIsNoPicture() {
        let cases: [(Data, ImageError)] = [
            (Data(), .emptyFile),
            (Data("hello".utf8), .unknownFormat(looksLike: nil)),
            (Data([0xFF]), .unknownFormat(looksLike: nil)),
            (
                Data("RIFF\0\0\0\0WEBPVP8 ".utf8),
                ImageFormat.webp.isReadable
                    ? .damaged(.webp, reason: "libwebp cannot read it")
                    : .missingLibrary(.webp, package: "libwebp7")
            ),
            (Data("\0\0\0\u{18}ftypmp42\0\0\0\0isommp42".utf8), .unknownFormat(looksLike: "a video")),
            (Data("%PDF-1.7".utf8), .unknownFormat(looksLike: "a PDF document")),
            (Data("\n <!DOCTYPE html>".utf8), .unknownFormat(looksLike: "a web page")),
            (Data("GIF89a".utf8), .damaged(.gif, reason: "the file ends early")),
            (Data("BM, a car maker".utf8), .unknownFormat(looksLike: nil)),
            (Data("P3 is a colour space".utf8), .unknownFormat(looksLike: nil)),
        ]
        for (data, error) in cases {
            #expect(throws: error) { try ImageFile.decode(data) }
            #expect(throws: error) { try ImageFile.header(of: data) }
        }
    }

    @Test func refusesBombsBeforeTakingMemory() throws {
        let tiny = Data([0x78, 0x9C, 3, 0, 0, 0, 0, 1])
        let unquestioned = ImageLimits(maximumPixels: 1 << 28)
        #expect(throws: ImageError.outOfProportion(width: 16_000, height: 16_000, byteCount: 33_000)) {
            try unquestioned.check(width: 16_000, height: 16_000, format: .png, byteCount: 33_000)
        }
        #expect(throws: Never.self) {
            try unquestioned.check(width: 4000, height: 4000, format: .png, byteCount: 100)
            try unquestioned.check(width: 16_000, height: 16_000, format: .png, byteCount: 70_000)
        }
        let strip = ImageError.tooNarrow(width: 268, height: 1_000_000, limit: 100)
        #expect(throws: strip) {
            try unquestioned.check(width: 268, height: 1_000_000, format: .png, byteCount: 1 << 20)
        }
        #expect(throws: Never.self) {
            try unquestioned.check(width: 1, height: 1_000_000, format: .png, byteCount: 100)
            try unquestioned.check(width: 150_000, height: 1500, format: .png, byteCount: 1 << 20)
        }
        #expect(throws: ImageError.tooManyPixels(width: 60_000, height: 60_000, limit: 1 << 28)) {
            try ImageFile.header(
                of: png(claiming: 60_000, 60_000, pixelData: tiny), limits: ImageLimits(maximumPixels: 1 << 28))
        }
        #expect(throws: ImageError.sideTooLong(width: 0x7FFF_FFFF, height: 0x7FFF_FFFF, limit: 1_000_000)) {
            try ImageFile.decode(png(claiming: 0x7FFF_FFFF, 0x7FFF_FFFF, pixelData: tiny))
        }
        let plausible = png(claiming: 10_000, 10_000, pixelData: tiny)
        #expect(
            throws: ImageError.implausibleSize(width: 10_000, height: 10_000, byteCount: plausible.count)
        ) {
            try ImageFile.decode(plausible, limits: ImageLimits(maximumPixels: 1 << 28))
        }
        for sides in [(0, 5), (5, 0), (0x8000_0000, 1)] {
            #expect(throws: ImageError.self) { try ImageFile.decode(png(claiming: sides.0, sides.1, pixelData: tiny)) }
        }

        var jpeg = try fixture("jpeg/ycbcr-420.jpg")
        let frame = try #require(jpeg.range(of: Data([0xFF, 0xC0])))
        jpeg.replaceSubrange(frame.lowerBound + 5..<frame.lowerBound + 9, with: [0x27, 0x10, 0x27, 0x10])
        #expect(throws: ImageError.implausibleSize(width: 10_000, height: 10_000, byteCount: jpeg.count)) {
            try ImageFile.decode(jpeg, limits: ImageLimits(maximumPixels: 1 << 28))
        }
        #expect(throws: ImageError.tooManyPixels(width: 10_000, height: 10_000, limit: 1 << 20)) {
            try ImageFile.header(of: jpeg, limits: limits)
        }
    }

    /// A decoder makes what is coded, whatever the container says.
    @Test(arguments: [ImageFormat.heic, .avif])
    func refusesWhatIsCodedLargerThanItSays(format: ImageFormat) throws {
        guard format.isReadable else { return }
        var file = try fixture("larger-than-said/\(format == .heic ? "hevc" : "av1")")
        let reason = "it says that it has 64x64 pixels, and 17640000 are coded"
        #expect(throws: ImageError.damaged(format, reason: reason)) { try ImageFile.header(of: file) }
        #expect(throws: ImageError.damaged(format, reason: reason)) { try ImageFile.decode(file) }
        // The same without a size that could be found.
        let unit = format == .heic ? Data([0x42, 1, 1]) : Data("av1C".utf8)
        file.replaceSubrange(try #require(file.range(of: unit)), with: Data(repeating: 0x7E, count: unit.count))
        let error = try #require(thrownError(ImageError.self) { try ImageFile.header(of: file) })
        #expect("\(error)".contains("its parts cannot be found") == (format == .heic), "\(error)")
    }

    /// What encoders pad pictures to: x265 gets at least 64x64 pixels from libheif, AV1 takes any size.
    @Test func findsCodedSizes() throws {
        for picture in PictureFixture.stored where picture.format == .heic || picture.format == .avif {
            // Six tiles of 64x64 and a depth map as large as one.
            let tiles = picture.file == "heic/phone.heic" ? 7 : 1
            let pixels = picture.format == .heic ? tiles * 64 * 64 : picture.width * picture.height
            let coded = try picture.data().withUnsafeBytes {
                var structure = HEIFStructure($0.bindMemory(to: UInt8.self))
                return structure.codedPixels()
            }
            #expect(coded == (picture.alpha == nil ? 1 : 2) * pixels, "\(picture.file)")
        }
    }

    /// libpng would take 2 GB for this chunk before it finds that the file does not hold it.
    @Test func refusesChunkThatIsNotThereBeforeTakingMemory() throws {
        var text = pngChunk("tEXt", "Software\0test".utf8)
        text.replaceSubrange(0..<4, with: [0x7F, 0xFF, 0xFF, 0xFF])
        let before = try memoryPeak()
        #expect(throws: ImageError.damaged(.png, reason: "the file ends early")) {
            try ImageFile.decode(pngSignature + pngHeader(2, 1, depth: 8, colour: 2) + text)
        }
        #expect(try memoryPeak() < before + 256 << 20)
    }

    /// The same in a chunk of which only the first 8 bytes are left; what stands behind the picture does not matter.
    @Test func looksAtChunksUpToTheLast() throws {
        let picture = try fixture("png/rgb-8.png")
        let chunk = Data([0x45, 0x4E, 0x44, 0xAE]) + Data("tEXtabc".utf8)
        #expect(throws: ImageError.damaged(.png, reason: "the file ends early")) {
            try ImageFile.decode(pngSignature + pngHeader(2, 1, depth: 8, colour: 2) + chunk)
        }
        #expect(try differences(ImageFile.decode(picture + chunk + chunk), ImageFile.decode(picture)) == nil)
    }

    /// The largest size that the process has had in memory, in bytes.
    private func memoryPeak() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return try #require(Int(line.filter(\.isNumber))) << 10
    }

    @Test func refusesScanAfterScan() throws {
        let data = try fixture("jpeg/separate-scans.jpg")
        let last = try #require(data.range(of: Data([0xFF, 0xDA]), options: .backwards))
        let scan = data[last.lowerBound...].dropLast(2)
        var repeated = data.dropLast(2)
        for _ in 0..<100 { repeated += scan }
        repeated += [0xFF, 0xD9]
        #expect(throws: ImageError.damaged(.jpeg, reason: "more than 64 scans")) { try ImageFile.decode(repeated) }
    }

    @Test func refusesUnsupportedJPEG() throws {
        var twoComponents = try fixture("jpeg/grey.jpg")
        let frame = try #require(twoComponents.range(of: Data([0xFF, 0xC0, 0x00, 0x0B])))
        twoComponents.replaceSubrange(frame.upperBound - 1..<frame.upperBound, with: [0x0E])
        twoComponents.replaceSubrange(frame.upperBound + 5..<frame.upperBound + 6, with: [2])
        twoComponents.insert(contentsOf: [2, 0x11, 0], at: frame.upperBound + 9)
        #expect(throws: ImageError.unsupported(.jpeg, reason: "2 colour components")) {
            try ImageFile.header(of: twoComponents)
        }
    }

    /// A file that ends anywhere before its last pixel is refused, however much of it could be shown.
    @Test(arguments: [
        "png/rgba-16-interlaced.png", "png/palette-4-key.png", "png/profile.png", "jpeg/ycbcr-420.jpg",
        "jpeg/ycbcr-444-progressive.jpg", "jpeg/cmyk.jpg", "jpeg/restart-2.jpg", "jpeg/separate-scans.jpg",
    ])
    func refusesEveryTruncation(file: String) throws {
        let data = try fixture(file)
        let whole = try ImageFile.decode(data)
        for length in 0..<data.count {
            do {
                let image = try ImageFile.decode(data.prefix(length), strict: true)
                // Only the end marker and padding bits may be missing.
                #expect(
                    differences(image, whole) == nil && length >= data.count - 3, "\(length) of \(data.count) bytes")
            } catch is ImageError {
            }
        }
    }

    /// No cut of any format's file crashes or gives a whole picture without a word, and all lead to a sentence.
    @Test(arguments: ImageFormat.all)
    func refusesTruncations(format: ImageFormat) throws {
        for fixture in PictureFixture.all where fixture.format == format {
            let data = try fixture.data()
            for length in stride(from: 0, to: data.count - 16, by: max(1, data.count / 40)) {
                do {
                    let image = try ImageFile.decode(data.prefix(length), strict: true)
                    // What stands behind the pixels (metadata, further frames) may be missing.
                    #expect(image.width == fixture.width && length > data.count / 4, "\(fixture.file) cut to \(length)")
                } catch let error as ImageError {
                    #expect(!"\(error)".isEmpty)
                }
            }
        }
    }

    /// A changed byte is noticed by the check sums, wherever it is.
    @Test func refusesEveryDamagedPNGByte() throws {
        let data = try fixture("png/rgb-8.png")
        for index in data.indices {
            var damaged = data
            damaged[index] ^= 0x10
            #expect(throws: ImageError.self, "byte \(index)") { try ImageFile.decode(damaged, strict: true) }
            // Of the last chunk the picture needs nothing.
            if index < data.count - 12 {
                #expect(throws: ImageError.self, "byte \(index)") { try ImageFile.decode(damaged) }
            }
        }
    }

    /// Wrong lengths, missing, repeated and misplaced chunks, with check sums that are right.
    @Test func refusesBrokenChunkStructure() throws {
        let header = pngHeader(2, 1, depth: 8, colour: 2)
        let pixels = pngChunk("IDAT", [0x78, 0x01, 1, 7, 0, 0xF8, 0xFF, 0, 1, 2, 3, 4, 5, 6, 0, 0x3F, 0, 0x16])
        let end = pngChunk("IEND", [])
        #expect(try ImageFile.decode(pngSignature + header + pixels + end).rgb == [1, 2, 3, 4, 5, 6])
        var tooLong = pixels
        tooLong.replaceSubrange(0..<4, with: [0x7F, 0xFF, 0xFF, 0xFF])
        var negative = pixels
        negative.replaceSubrange(0..<4, with: [0xFF, 0xFF, 0xFF, 0xFF])
        let broken: [Data] = [
            pixels + end, header + end, header + header + pixels + end, header + pixels, header + tooLong + end,
            header + negative + end, header + pngChunk("IDAT", []) + end, header + pngChunk("ABCD", [1]) + pixels + end,
            pngChunk("IHDR", bigEndian(2) + bigEndian(1)) + pixels + end,
            pngHeader(2, 1, depth: 3, colour: 2) + pixels + end, pngHeader(2, 1, depth: 8, colour: 5) + pixels + end,
            pngHeader(2, 1, depth: 8, colour: 3) + pixels + end, pngHeader(2, 1, depth: 16, colour: 2) + pixels + end,
        ]
        for (index, chunks) in broken.enumerated() {
            #expect(throws: ImageError.self, "case \(index)") {
                try ImageFile.decode(pngSignature + chunks, strict: true)
            }
        }
    }

    /// Thousands of damaged files, PNG check sums put right so that the damage gets past them: whatever comes out
    /// is a picture within the limits or an ImageError.
    @Test func survivesMutations() throws {
        var random = SeededGenerator(state: 11)
        let files = try PictureFixture.all.filter { [.png, .jpeg, .webp].contains($0.format) }.map { try $0.data() }
        var refused = 0
        for round in 0..<6_000 {
            var data = files[round % files.count]
            for _ in 0..<Int.random(in: 1...8, using: &random) { mutate(&data, &random) }
            if data.starts(with: pngSignature), Bool.random(using: &random) { repairCheckSums(&data) }
            do {
                let image = try ImageFile.decode(data, limits: limits)
                #expect(image.width * image.height <= limits.maximumPixels)
            } catch is ImageError {
                refused += 1
            }
        }
        #expect(refused > 1_000 && refused < 6_000)
    }

    private func mutate(_ data: inout Data, _ random: inout SeededGenerator) {
        guard data.count > 16 else { return }
        let index = Int.random(in: 2..<data.count - 8, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: data[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: data[index] = UInt8.random(in: 0...255, using: &random)
        case 2: data[index] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &random) ?? 0
        case 3: data.removeSubrange(index..<index + Int.random(in: 1...8, using: &random))
        case 4: data.insert(contentsOf: data[index..<index + Int.random(in: 1...8, using: &random)], at: index)
        default: data = Data(data.prefix(Int.random(in: data.count / 2..<data.count, using: &random)))
        }
    }

    private func repairCheckSums(_ data: inout Data) {
        var offset = 8
        while offset + 12 <= data.count {
            let length = data[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
            guard length <= data.count - offset - 12 else { return }
            let body = offset + 4..<offset + 8 + length
            data.replaceSubrange(body.upperBound..<body.upperBound + 4, with: bigEndian(Int(crc32(data[body]))))
            offset = body.upperBound + 4
        }
    }

    @Test func errorsAreSentences() {
        let error = ImageError.tooManyPixels(width: 60_000, height: 60_000, limit: 268_435_456)
        #expect("\(error)" == "an image of 60000x60000 pixels is larger than the limit of 268 megapixels")
        #expect("\(ImageError.unknownFormat(looksLike: "a GIF image"))".contains("convert it to PNG"))
    }
}
