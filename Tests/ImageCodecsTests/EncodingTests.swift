import Foundation
import ImageCodecs
import TestSupport
import Testing

@Suite struct EncodingTests {
    let picture = DecodedImage(width: 40, height: 30, rgb: syntheticBytes(40 * 30 * 3))

    @Test(arguments: [nil, "Steps: 20", "café\nSteps: 20", "漫画 🎨\nSteps: 20"])
    func pngKeepsEverything(parameters: String?) throws {
        var original = DecodedImage(width: 40, height: 30, rgb: picture.rgb, alpha: syntheticBytes(40 * 30))
        original.parameters = parameters
        original.iccProfile = try PictureFixture.named("png/profile.png").icc
        #expect(original.iccProfile != nil)
        #expect(try differences(ImageFile.decode(original.png()), original) == nil)
        var opaque = picture
        opaque.parameters = parameters
        #expect(try differences(ImageFile.decode(opaque.png()), opaque) == nil)
    }

    /// Several bands of rows; noise, which deflating makes longer; one row that is longer than a band.
    @Test(arguments: [(700, 500, false), (700, 500, true), (30_000, 3, true), (1, 70_000, false)])
    func pngOfManyBandsIsTheSameForAnyThreads(width: Int, height: Int, hasAlpha: Bool) throws {
        var generator = SeededGenerator(state: 7)
        func noise(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) } }
        let pixels = width * height
        for rgb in [noise(3 * pixels), (0..<3 * pixels).map { UInt8(truncatingIfNeeded: $0 / 3000) }] {
            let image = DecodedImage(
                width: width, height: height, rgb: rgb, alpha: hasAlpha ? noise(pixels) : nil)
            let alone = try image.png()
            #expect(try differences(ImageFile.decode(alone), image) == nil)
            for threads in [2, 3, 64] { #expect(try differences(image.png(threads: threads), alone) == nil) }
        }
    }

    @Test func pngTextIsWhereOthersLookForIt() throws {
        var image = picture
        image.parameters = "Steps: 20\nécole"
        let latin1: [UInt8] = Array("parameters\0Steps: 20\n".utf8) + [0xE9] + Array("cole".utf8)
        #expect(try image.png().range(of: pngChunk("tEXt", latin1)) != nil)
        image.parameters = "漫画"
        #expect(try image.png().range(of: pngChunk("iTXt", "parameters\0\0\0\0\0漫画".utf8)) != nil)
    }

    /// The same pixels as Pillow's encoder at the same quality, after decoding.
    @Test(arguments: [95, 75])
    func jpegIsEncodedAsPillow(quality: Int) throws {
        let decoded = try ImageFile.decode(picture.jpeg(quality: quality))
        let pillow = try PictureFixture.named("jpeg/encoded-\(quality).jpg")
        #expect(differences(decoded.rgb, Array(pillow.rgb)) == nil)
    }

    @Test(arguments: ["Steps: 20", "漫画 🎨\nSteps: 20"])
    func jpegKeepsProfileAndParameters(parameters: String) throws {
        var image = picture
        image.parameters = parameters
        // A profile that needs three segments: a real one, lengthened.
        var profile = try #require(try PictureFixture.named("png/profile.png").icc)
        profile.append(Data(syntheticBytes(150_000 - profile.count)))
        profile.replaceSubrange(0..<4, with: bigEndian(profile.count))
        image.iccProfile = profile
        let decoded = try ImageFile.decode(image.jpeg(quality: 90))
        #expect(decoded.parameters == parameters)
        #expect(differences(decoded.iccProfile ?? Data(), profile) == nil)
    }

    @Test func jpegUserCommentIsBigEndianUTF16() throws {
        var image = picture
        image.parameters = "aé"
        let comment = Data("Exif\0\0MM\0*\0\0\0\u{8}".utf8)
        let data = try image.jpeg(quality: 90)
        #expect(data.range(of: comment) != nil)
        #expect(data.range(of: Data("UNICODE\0".utf8) + Data([0, 0x61, 0, 0xE9])) != nil)
    }

    @Test func jpegRefusesWhatDoesNotFit() throws {
        var image = picture
        image.parameters = String(repeating: "x", count: 40_000)
        #expect(throws: ImageError.encodingFailed(.jpeg, reason: "the embedded parameters are over 64 KB")) {
            try image.jpeg(quality: 90)
        }
        let wide = DecodedImage(width: 65_501, height: 1, rgb: syntheticBytes(65_501 * 3))
        #expect(throws: ImageError.encodingFailed(.jpeg, reason: "65501x1 pixels; a side can be at most 65500")) {
            try wide.jpeg(quality: 90)
        }
        #expect(try differences(ImageFile.decode(wide.png()), wide) == nil)
    }

    /// A profile that libpng refuses must not cost the picture.
    @Test func writesPictureWithoutBrokenProfile() throws {
        var image = picture
        image.iccProfile = Data(syntheticBytes(300))
        let decoded = try ImageFile.decode(image.png())
        #expect(differences(decoded.rgb, image.rgb) == nil)
        #expect(decoded.iccProfile == nil)
    }

    /// Bytes behind a profile, which Little CMS ignores, must not cost it its place.
    @Test func writesProfileWithoutWhatFollowsIt() throws {
        let profile = try fixture("display-p3.icc")
        var image = picture
        image.iccProfile = profile + [1, 2, 3]
        #expect(try ImageFile.decode(image.png()).iccProfile == profile)
    }

    /// In formats with loss the colours stay near, in those without all is as it was.
    @Test(arguments: ImageFormat.writable)
    func everyFormatKeepsEverything(format: ImageFormat) throws {
        guard (try? format.checkWritable()) != nil else { return }  // its library is not installed
        let (width, height) = (64, 48)
        var rgb: [UInt8] = []
        var alpha: [UInt8] = []
        for y in 0..<height {
            for x in 0..<width {
                rgb.append(UInt8(4 * x))
                rgb.append(UInt8(5 * y))
                rgb.append(UInt8(128 + x - y))
                alpha.append(UInt8(255 - 2 * y))
            }
        }
        var original = DecodedImage(width: width, height: height, rgb: rgb, alpha: format.hasAlpha ? alpha : nil)
        original.parameters = "漫画にして\nSteps: 20, Seed: 1"
        original.iccProfile = try fixture("display-p3.icc")
        original.metadata.texts = [.artist: "Anna", .dateTimeOriginal: "2020:05:17 10:11:12"]
        original.metadata.resolution = .init(across: 300, down: 300)
        for lossless in format.hasLossless ? [false, true] : [false] {
            let data = try format.encode(original, quality: 95, lossless: lossless)
            let read = try ImageFile.decode(data)
            #expect(try ImageFormat(of: data) == format)
            #expect(read.width == width && read.height == height)
            let isExact = lossless || format == .png
            // JPEG XL with loss comes back in sRGB.
            let isConverted = format == .jpegXL && !lossless
            let profile = try #require(ColourProfile(icc: fixture("display-p3.icc")))
            #expect(largestDifference(read.rgb, isConverted ? profile.toSRGB(rgb) : rgb) <= (isExact ? 0 : 24))
            #expect(read.iccProfile == (isConverted ? nil : original.iccProfile))
            #expect(largestDifference(read.alpha ?? [], original.alpha ?? []) <= (isExact ? 0 : 8))
            #expect(read.parameters == original.parameters)
            #expect(read.metadata.texts == original.metadata.texts)
            #expect(abs((read.metadata.resolution?.across ?? 0) - 300) < 0.1)
            let header = try ImageFile.header(of: data)
            #expect(header.parameters == original.parameters && header.hasAlpha == (original.alpha != nil))
        }
    }

    @Test func readOnlyFormatsAreNotWritten() {
        let picture = picture
        #expect(throws: ImageError.encodingFailed(.gif, reason: "it is only read")) {
            try ImageFormat.gif.encode(picture, quality: 90)
        }
        #expect(ImageFormat.writable == [.png, .jpeg, .webp, .avif, .jpegXL])
    }

    @Test func textWithNullIsNotCutOff() throws {
        var image = picture
        image.parameters = "before\0after"
        #expect(try ImageFile.decode(image.png()).parameters == "beforeafter")
    }
}
