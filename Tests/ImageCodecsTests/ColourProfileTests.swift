import Foundation
import ImageCodecs
import TestSupport
import Testing

/// Against Pillow's ImageCms, which is over the same library.
@Suite struct ColourProfileTests {
    private let wide: Data
    private let pixels = syntheticBytes(30 * 30 * 3)

    init() throws { wide = try fixture("display-p3.icc") }

    @Test func convertsAsPillow() throws {
        let profile = try #require(ColourProfile(icc: wide))
        let expected = try #require(ColourFixture.all.first)
        #expect(differences(profile.toSRGB(pixels), Array(expected.toSRGB), beyond: 1) == nil)
        #expect(differences(try #require(profile.fromSRGB(pixels)), Array(expected.fromSRGB), beyond: 1) == nil)
        #expect(differences(profile.toSRGB(pixels), pixels, beyond: 30) != nil)
    }

    /// What sRGB holds comes back but for the rounding to 8 bits in between.
    @Test func coloursComeBackFromSRGB() throws {
        let profile = try #require(ColourProfile(icc: wide))
        let back = profile.toSRGB(try #require(profile.fromSRGB(pixels)))
        #expect(differences(back, pixels, beyond: 12) == nil)  // dark colours lie close in a power law
        let mean = zip(back, pixels).map { abs(Double($0) - Double($1)) }.reduce(0, +) / Double(pixels.count)
        #expect(mean < 0.5)
    }

    @Test func leavesSRGBAlone() throws {
        #expect(ColourProfile(icc: try #require(try PictureFixture.named("png/profile.png").icc)) == nil)
    }

    @Test func refusesWhatIsNoProfile() {
        #expect(ColourProfile(icc: Data()) == nil)
        #expect(ColourProfile(icc: Data(syntheticBytes(400))) == nil)
        for length in stride(from: 0, to: wide.count, by: 7) { _ = ColourProfile(icc: wide.prefix(length)) }
    }
}
