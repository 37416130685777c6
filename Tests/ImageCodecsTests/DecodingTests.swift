import Foundation
import ImageCodecs
import TestSupport
import Testing

@Suite struct DecodingTests {
    @Test func fixturesCoverBothFormats() {
        #expect(PictureFixture.all.filter { $0.file.hasSuffix(".png") }.count >= 75)
        #expect(PictureFixture.all.filter { $0.file.hasSuffix(".jpg") }.count >= 50)
        #expect(PictureFixture.all.filter { $0.format == .webp }.count == (ImageFile.readsWebP ? 11 : 0))
    }

    /// Equal to Pillow, byte for byte: both run libpng's and libjpeg-turbo's exact arithmetic.
    @Test(arguments: PictureFixture.all)
    func decodesAsPillow(_ fixture: PictureFixture) throws {
        let image = try ImageFile.decode(fixture.data())
        #expect(image.width == fixture.width && image.height == fixture.height)
        #expect(differences(image.rgb, Array(fixture.rgb)) == nil)
        #expect(differences(image.alpha ?? [], fixture.alpha.map { Array($0) } ?? []) == nil)
        #expect((image.alpha == nil) == (fixture.alpha == nil))
        #expect(image.iccProfile == fixture.icc)
        #expect(image.parameters == fixture.parameters)
    }

    @Test(arguments: PictureFixture.all)
    func headerSaysWhatDecodingGives(_ fixture: PictureFixture) throws {
        let header = try ImageFile.header(of: fixture.data())
        #expect(header.format == fixture.format)
        #expect(header.width == fixture.width && header.height == fixture.height)
        #expect(header.hasAlpha == (fixture.alpha != nil))
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
}

/// How a picture differs from the one expected; nil if it does not.
func differences(_ image: DecodedImage, _ expected: DecodedImage) -> String? {
    if let difference = differences(image.rgb, expected.rgb) { return "colours: \(difference)" }
    if let difference = differences(image.alpha ?? [], expected.alpha ?? []) { return "alpha: \(difference)" }
    return image == expected ? nil : "size, profile or parameters"
}
