import Foundation
import ImageCodecs
import TestSupport
import Testing

@Suite struct DecodingTests {
    /// Every format but the cameras' own has fixtures, whether or not its library is here.
    @Test func fixturesCoverAllFormats() {
        let least: [ImageFormat: Int] = [.png: 85, .jpeg: 60, .webp: 11, .heic: 14, .avif: 15, .jpegXL: 8, .tiff: 30]
        for format in ImageFormat.all where format != .cameraRaw {
            #expect(PictureFixture.stored.filter { $0.format == format }.count >= least[format] ?? 3, "\(format)")
        }
    }

    /// Equal to Pillow byte for byte where both run the same arithmetic (PNG, JPEG, WebP) or there is only one (GIF, BMP,
    /// PNM, QOI), else within 1 of the formats' own tools.
    @Test(arguments: PictureFixture.all)
    func decodesAsOthers(_ fixture: PictureFixture) throws {
        let image = try ImageFile.decode(fixture.data())
        let tolerance = fixture.tolerance ?? 0
        #expect(image.width == fixture.width && image.height == fixture.height)
        let certain = 3 * fixture.width * (fixture.wholeRows ?? fixture.height)
        #expect(largestDifference(Array(image.rgb[..<certain]), Array(fixture.rgb.prefix(certain))) <= tolerance)
        #expect((image.alpha == nil) == (fixture.alpha == nil))
        #expect(largestDifference(image.alpha ?? [], Array(fixture.alpha ?? Data())) <= tolerance)
        #expect(image.parameters == fixture.parameters)
        if let srgb = fixture.srgb {
            let profile = image.iccProfile.flatMap(ColourProfile.init(icc:))
            #expect(largestDifference(profile?.toSRGB(image.rgb) ?? image.rgb, Array(srgb)) <= 1)
        } else {
            #expect(image.iccProfile == fixture.icc)
        }
    }

    /// What could be repaired is a note, and an error for who asks for that.
    @Test(arguments: PictureFixture.all)
    func notesDamage(_ fixture: PictureFixture) throws {
        let image = try ImageFile.decode(fixture.data())
        #expect(image.notes.isEmpty == (fixture.noted != true), "\(image.notes)")
        guard let note = image.notes.first else { return }
        #expect(throws: ImageError.damaged(fixture.format, reason: note)) {
            try ImageFile.decode(fixture.data(), strict: true)
        }
    }

    @Test(arguments: PictureFixture.all)
    func headerSaysWhatDecodingGives(_ fixture: PictureFixture) throws {
        let header = try ImageFile.header(of: fixture.data())
        #expect(header.format == fixture.format)
        #expect(header.width == fixture.width && header.height == fixture.height)
        #expect(header.hasAlpha == (fixture.alpha != nil))
        #expect(header.parameters == fixture.parameters)
    }

    /// Data that is a slice of other data has indices that do not start at 0.
    @Test func readsSlices() throws {
        for name in ["png/orientation-after-pixels.png", "jpeg/orientation-6.jpg"] {
            let data = try fixture(name)
            let slice = (Data("some bytes".utf8) + data + Data([1, 2, 3])).dropFirst(10).dropLast(3)
            #expect(try differences(ImageFile.decode(slice), ImageFile.decode(data)) == nil)
        }
    }

    @Test func acceptsLackingEndMarkerWherePixelsAreComplete() throws {
        let data = try fixture("jpeg/ycbcr-420.jpg")
        #expect(try differences(ImageFile.decode(data.dropLast(2)), ImageFile.decode(data)) == nil)
        #expect(throws: ImageError.self) {
            try ImageFile.decode(fixture("jpeg/ycbcr-420-progressive.jpg").dropLast(2))
        }
    }

    /// A tenth of a picture may be missing, not more, and the rows before are those of the whole file.
    @Test func readsCutOffJPEGUpToATenth() throws {
        let cut = try fixture("jpeg/cut-off.jpg")
        let image = try ImageFile.decode(cut)
        #expect(image.notes == ["it is cut off: the last 16 of 320 rows are missing"])
        #expect(throws: ImageError.self) { try ImageFile.decode(cut.prefix(cut.count * 4 / 5)) }
    }

    /// Whose picture it is goes along, where it was taken does not.
    @Test func readsMetadata() throws {
        let metadata = try ImageFile.header(of: fixture("jpeg/metadata.jpg")).metadata
        #expect(metadata.captureDate == "2020:05:17 10:11:12")
        #expect(metadata.texts[.artist] == "Anna" && metadata.texts[.make] == "Camera Works")
        #expect(metadata.resolution == .init(across: 300, down: 300))
    }

    /// The largest preview of a raw file that has one of a megapixel, turned as the raw file says.
    @Test func readsPreviewOfRawFile() throws {
        let preview = try DecodedImage(width: 1200, height: 900, rgb: syntheticBytes(1200 * 900 * 3)).jpeg(quality: 80)
        let small = try DecodedImage(width: 40, height: 30, rgb: syntheticBytes(40 * 30 * 3)).jpeg(quality: 80)
        func raw(_ preview: Data) -> Data {
            func little(_ value: Int, _ count: Int) -> [UInt8] {
                (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
            }
            // A colour filter array, orientation, where the preview is and how long, a version of DNG.
            let entries = [
                (0x0106, 3, 0x8023), (0x0112, 3, 6), (0x0201, 4, 8 + 2 + 5 * 12 + 4), (0x0202, 4, preview.count),
                (0xC612, 1, 1),
            ]
            var file = Data("II*\0".utf8) + little(8, 4) + little(entries.count, 2)
            for (tag, type, value) in entries {
                file += little(tag, 2)
                file += little(type, 2)
                file += little(1, 4)
                file += little(value, 4)
            }
            return file + little(0, 4) + preview
        }
        let image = try ImageFile.decode(raw(preview))
        let upright = try ImageFile.decode(preview)
        #expect(image.width == 900 && image.height == 1200)
        #expect(image.rgb == Orientation.rotatedClockwise.apply(to: upright.rgb, width: 1200, height: 900, channels: 3))
        #expect(image.notes == ["a camera's raw file: its preview of 900x1200 pixels is read"])
        #expect(try ImageFile.header(of: raw(preview)).format == .cameraRaw)
        #expect(throws: ImageError.self) { try ImageFile.decode(raw(small)) }
    }
}

/// How a picture differs from the one expected; nil if it does not.
func differences(_ image: DecodedImage, _ expected: DecodedImage) -> String? {
    if let difference = differences(image.rgb, expected.rgb) { return "colours: \(difference)" }
    if let difference = differences(image.alpha ?? [], expected.alpha ?? []) { return "alpha: \(difference)" }
    return image == expected ? nil : "size, profile or parameters"
}

func largestDifference(_ first: [UInt8], _ second: [UInt8]) -> Int {
    first.count == second.count ? zip(first, second).map { abs(Int($0) - Int($1)) }.max() ?? 0 : .max
}
