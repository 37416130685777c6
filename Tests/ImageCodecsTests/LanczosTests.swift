import Foundation
import ImageCodecs
import Testing

@Suite struct LanczosTests {
    /// Bit for bit what Pillow gives, over shrinking, enlarging, single pixels and extreme shapes.
    @Test func resizesAsPillow() throws {
        #expect(ResamplingFixture.all.count >= 470)
        for fixture in ResamplingFixture.all {
            let output = Lanczos.resize(
                syntheticBytes(fixture.width * fixture.height * fixture.channels), width: fixture.width,
                height: fixture.height, channels: fixture.channels, toWidth: fixture.newWidth,
                height: fixture.newHeight)
            #expect(output.count == fixture.newWidth * fixture.newHeight * fixture.channels)
            if let pixels = fixture.pixels {
                #expect(output == Array(pixels), "\(fixture.testDescription)")
            }
            #expect(hash(output) == UInt64(fixture.hash, radix: 16), "\(fixture.testDescription)")
        }
    }

    @Test func resizesAlphaWithTheColours() {
        let image = DecodedImage(
            width: 20, height: 10, rgb: syntheticBytes(600), alpha: syntheticBytes(200), iccProfile: Data([1]),
            parameters: "kept")
        let small = image.resized(width: 7, height: 5)
        #expect(small.rgb == Lanczos.resize(image.rgb, width: 20, height: 10, channels: 3, toWidth: 7, height: 5))
        let alpha = Lanczos.resize(syntheticBytes(200), width: 20, height: 10, channels: 1, toWidth: 7, height: 5)
        #expect(small.alpha == alpha)
        #expect(small.iccProfile == image.iccProfile && small.parameters == "kept")
    }
}
