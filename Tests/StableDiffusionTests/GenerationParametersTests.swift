import Foundation
import StableDiffusion
import TensorKernels
import Testing

/// The text inside pictures, written and read back.
@Suite struct GenerationParametersTests {
    /// Lines of an instruction that look like those of the text itself stay the instruction's.
    @Test(
        arguments: [
            "A sketch", "Draw\nNegative prompt: rain", "Negative prompt: rain\n\nNegative prompt: ",
            "a\nSteps: 3, b: c",
        ],
        ["", "fog", "fog\nNegative prompt: mist", "\nSteps: 9"])
    func anyInstructionComesBack(instruction: String, negative: String) {
        var settings = GenerationSettings(sampler: .ddim)
        (settings.instruction, settings.negativePrompt) = (instruction, negative)
        let written = GenerationParameters(settings, seed: 1, width: 64, height: 64)
        let read = GenerationParameters(text: written.text)
        #expect(read == written)
        #expect(read.instruction == instruction && read.negativePrompt == negative)
    }

    /// As other programs read it: their first line of that kind starts the negative prompt, and what they do not know they pass.
    @Test func onlyAmbiguousTextsGetAnotherField() {
        var settings = GenerationSettings(sampler: .ddim)
        (settings.instruction, settings.negativePrompt) = ("a\nb", "Negative prompt: c")
        #expect(!GenerationParameters(settings, seed: 1, width: 8, height: 8).text.contains("Instruction lines"))
        settings.instruction = "a\nNegative prompt: b"
        #expect(GenerationParameters(settings, seed: 1, width: 8, height: 8).text.contains("Instruction lines: 2"))
    }

    /// Full precision, which is not said, and half, which is.
    @Test(arguments: Precision.allCases) func precisionComesBack(precision: Precision) throws {
        var settings = GenerationSettings(sampler: .ddim)
        settings.precision = precision
        let written = GenerationParameters(settings, seed: 1, width: 64, height: 64)
        #expect(written.text.contains("Precision: half") == (precision == .half))
        let read = try GenerationSettings(sampler: .ddim).applying(GenerationParameters(text: written.text).changes())
        #expect(read == settings)
        let json = try JSONEncoder().encode(settings)
        #expect(String(decoding: json, as: UTF8.self).contains("\"precision\":\"half\"") == (precision == .half))
        #expect(try JSONDecoder().decode(GenerationSettings.self, from: json) == settings)
        let other = GenerationParameters(text: "a\nSteps: 3, Precision: quarter")
        #expect(throws: GenerationParameters.UnreadableField.self) { try other.changes() }
        #expect(try other.changes(except: [\GenerationSettings.precision]).count == 3)
    }

    @Test(arguments: ["-1", "0", "1", "99999999999999999999", "9223372036854775807", "x"])
    func numbersOfLinesThatCannotBeAreHarmless(lines: String) {
        let read = GenerationParameters(text: "a\nNegative prompt: b\nSteps: 3, Instruction lines: \(lines)")
        let takesAll = lines == "9223372036854775807"
        #expect(read.instruction == (takesAll ? "a\nNegative prompt: b" : "a"))
        #expect(read.negativePrompt == (takesAll ? "" : "b"))
    }
}
