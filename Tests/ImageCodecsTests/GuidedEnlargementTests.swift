import ImageCodecs
import TestSupport
import Testing

@Suite struct GuidedEnlargementTests {
    /// Against the same formula in numpy; sums in another order may round to the neighbour.
    @Test(arguments: GuidedEnlargementFixture.all)
    func equalsReference(_ fixture: GuidedEnlargementFixture) {
        let result = GuidedEnlargement.enlarge(
            Array(fixture.picture), width: fixture.width, height: fixture.height, guide: Array(fixture.guide),
            toWidth: fixture.newWidth, height: fixture.newHeight)
        #expect(differences(result, Array(fixture.result), beyond: 1) == nil)
        #expect(differences(result, Array(fixture.guide)) != nil)
    }

    @Test func fixturesAreThere() { #expect(GuidedEnlargementFixture.all.count == 3) }

    /// A picture that is its photo gets back what Lanczos loses: most of the error at an edge goes.
    @Test func sharpensWhatFollowsThePhoto() {
        let side = 64
        let photo = (0..<side * side).flatMap { pixel -> [UInt8] in
            let value: UInt8 = (pixel % side * 3 + pixel / side) / 40 % 2 == 0 ? 40 : 220
            return [value, value, value]
        }
        let small = Lanczos.resize(photo, width: side, height: side, channels: 3, toWidth: 16, height: 16)
        let plain = Lanczos.resize(small, width: 16, height: 16, channels: 3, toWidth: side, height: side)
        let guided = GuidedEnlargement.enlarge(
            small, width: 16, height: 16, guide: photo, toWidth: side, height: side)
        func error(_ picture: [UInt8]) -> Double {
            picture.indices.reduce(0.0) { sum, index in
                let difference = Double(picture[index]) - Double(photo[index])
                return sum + difference * difference
            }
        }
        #expect(error(guided) < 0.25 * error(plain))
    }

    /// One plain colour stays so, whatever the photo shows.
    @Test func addsNothingToWhatIsFlat() {
        let photo = syntheticBytes(40 * 30 * 3)
        let flat = [UInt8](repeating: 90, count: 10 * 8 * 3)
        let result = GuidedEnlargement.enlarge(flat, width: 10, height: 8, guide: photo, toWidth: 40, height: 30)
        #expect(differences(result, [UInt8](repeating: 90, count: 40 * 30 * 3)) == nil)
    }
}
