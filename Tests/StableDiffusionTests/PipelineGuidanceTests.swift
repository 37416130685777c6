import StableDiffusion
import Testing

@Suite struct PipelineGuidanceTests {
    @Test(arguments: [
        (Float(7.5), Float(1.5), Guidance.textAndImage(text: 7.5, image: 1.5)), (7.5, 1, .text(7.5)),
        (7.5, 0.99, .off), (1, 1.5, .off), (0.5, 1, .off), (.nan, 1.5, .off),
        (1.01, 1.01, .textAndImage(text: 1.01, image: 1.01)),
    ])
    func guidanceIsOnAsInDiffusers(text: Float, image: Float, expected: Guidance) {
        #expect(Guidance(textScale: text, imageScale: image) == expected)
    }

    /// By hand: 3 + 2 (10 - 4) + 5 (4 - 3) = 20 and -1 + 2 (1 - 2) + 5 (2 - -1) = 12.
    @Test func dualCombinationEqualsTheFormula() {
        let guidance = Guidance.textAndImage(text: 2, image: 5)
        #expect(guidance.conditions == [.textAndImage, .image, .none])
        #expect(guidance.branches.map(\.sample) == [0, 0, 1])
        #expect(guidance.branches.map(\.text) == [0, 1, 1])
        #expect(guidance.combine([[10, 1], [4, 2], [3, -1]]) == [20, 12])
    }

    /// By hand: 4 + 2 (10 - 4) = 16, what the dual form gives for any third prediction at image scale 1.
    @Test func textCombinationEqualsTheDualAtImageScaleOne() {
        let guidance = Guidance.text(2)
        #expect(guidance.conditions == [.textAndImage, .image])
        #expect(guidance.combine([[10], [4]]) == [16])
        #expect(Guidance.textAndImage(text: 2, image: 1).combine([[10], [4], [99]]) == [16])
    }

    @Test func noGuidanceIsTheOnePrediction() {
        #expect(Guidance.off.conditions == [.textAndImage])
        #expect(Guidance.off.combine([[10, 3]]) == [10, 3])
    }
}
