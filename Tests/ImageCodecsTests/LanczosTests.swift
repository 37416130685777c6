import Foundation
import ImageCodecs
import TestSupport
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
                #expect(differences(output, Array(pixels)) == nil, "\(fixture.testDescription)")
            }
            #expect(hash(output) == UInt64(fixture.hash, radix: 16), "\(fixture.testDescription)")
        }
    }

    @Test func resizesAlphaWithTheColours() {
        let image = DecodedImage(
            width: 20, height: 10, rgb: syntheticBytes(600), alpha: syntheticBytes(200), iccProfile: Data([1]),
            parameters: "kept")
        let small = image.resized(width: 7, height: 5)
        let rgb = Lanczos.resize(image.rgb, width: 20, height: 10, channels: 3, toWidth: 7, height: 5)
        #expect(differences(small.rgb, rgb) == nil)
        let alpha = Lanczos.resize(syntheticBytes(200), width: 20, height: 10, channels: 1, toWidth: 7, height: 5)
        #expect(differences(small.alpha ?? [], alpha) == nil)
        #expect(small.iccProfile == image.iccProfile && small.parameters == "kept")
    }
}
