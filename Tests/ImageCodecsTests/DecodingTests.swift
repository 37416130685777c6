import Foundation
import ImageCodecs
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
        #expect(largestDifference(image.rgb, Array(fixture.rgb)) == 0)
        #expect(image.alpha == fixture.alpha.map { Array($0) })
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
            #expect(try ImageFile.decode(slice) == ImageFile.decode(data))
        }
    }

    @Test func acceptsLackingEndMarkerWherePixelsAreComplete() throws {
        let data = try fixture("jpeg/ycbcr-420.jpg")
        #expect(try ImageFile.decode(data.dropLast(2)) == ImageFile.decode(data))
        #expect(throws: ImageError.self) {
            try ImageFile.decode(fixture("jpeg/ycbcr-420-progressive.jpg").dropLast(2))
        }
    }
}

func largestDifference(_ first: [UInt8], _ second: [UInt8]) -> Int {
    first.count == second.count ? zip(first, second).map { abs(Int($0) - Int($1)) }.max() ?? 0 : .max
}
