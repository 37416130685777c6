import Foundation
import StableDiffusion
import TensorKernels
import TestSupport
import Testing

/// Shortened runs of tiny models against diffusers with DeepCache and with replaced predictions (see
/// make_shortcut_fixtures.py).
@Suite struct ShortcutTests {
    private static let cases: [String: Shortcuts] = {
        func shortcuts(_ interval: ClosedRange<Double>, guidance: Int, inner: Int) -> Shortcuts {
            var shortcuts = Shortcuts()
            (shortcuts.guidanceInterval, shortcuts.guidancePeriod, shortcuts.innerPeriod) = (interval, guidance, inner)
            return shortcuts
        }
        return [
            "deep": shortcuts(0...1, guidance: 1, inner: 3), "interval": shortcuts(0.3...0.75, guidance: 2, inner: 1),
            "reuse": shortcuts(0...1, guidance: 3, inner: 1), "both": shortcuts(0...1, guidance: 3, inner: 3),
        ]
    }()

    private func request(_ fixture: ModelFixture, _ golden: GoldenFile) throws -> GenerationRequest {
        var settings = try ModelDirectory(fixture.folder).defaults
        settings.instruction = try #require(fixture.runs.first).instruction
        (settings.steps, settings.guidanceScale, settings.imageGuidanceScale) = (7, 2.5, 1.5)
        return GenerationRequest(
            image: PixelImage(width: 48, height: 40, rgb: try golden["\(fixture.name).photo"].bytes),
            settings: settings, seed: 11)
    }

    @Test(arguments: ["tiny-sd", "tiny-v"], ["deep", "interval", "reuse", "both"])
    func latentsEqualTheReference(model: String, name: String) throws {
        let fixture = ModelFixture(name: model)
        let golden = try GoldenFile(ModelFixture.fixtures.appendingPathComponent("shortcuts/golden.safetensors"))
        var request = try request(fixture, golden)
        request.shortcuts = Self.cases[name]
        var latents: [Int: [Float]] = [:]
        _ = try InstructPix2Pix(model: ModelDirectory(fixture.folder), compute: Compute(threads: 2)).generate(request) {
            if $0.name.hasPrefix("latents."), let step = Int($0.name.dropFirst(8)) { latents[step] = $0.values }
        }
        #expect(latents.count == 7)
        for (step, values) in latents {
            #expect(
                relativeError(values, try golden["\(model).\(name).\(step)"].floats) < 1e-4, "\(model) \(name) \(step)")
        }
    }

    /// The embedded model's kind evaluates its branches one by one.
    @Test(arguments: ModelFixture.all) func shortcutsChangeTheImageAndNoneLeaveIt(fixture: ModelFixture) throws {
        let golden = try GoldenFile(ModelFixture.fixtures.appendingPathComponent("shortcuts/golden.safetensors"))
        var request = try request(ModelFixture(name: "tiny-sd"), golden)
        request.settings.sampler = .euler
        func bytes() throws -> [UInt8] {
            try InstructPix2Pix(model: ModelDirectory(fixture.folder), compute: Compute(threads: 2)).generate(request)
                .image.rgb
        }
        let exact = try bytes()
        request.shortcuts = Shortcuts()
        #expect(try differences(bytes(), exact) == nil)
        request.shortcuts = nil
        request.settings.fast = .fast
        #expect(try differences(bytes(), exact) != nil)
    }

    @Test func evaluationsAreCutAsAsked() {
        var shortcuts = Shortcuts()
        func text(_ count: Int, isGuided: Bool = true) -> String {
            shortcuts.evaluations(count, isGuided: isGuided).map {
                let letter =
                    switch $0.guidance {
                    case .none: "n"
                    case .fresh: "f"
                    case .reused: "r"
                    }
                return $0.isWhole ? letter.uppercased() : letter
            }.joined()
        }
        #expect(text(4) == "FFFF" && text(3, isGuided: false) == "NNN" && text(0) == "")
        shortcuts.innerPeriod = 3
        #expect(text(7) == "FffFffF" && text(4, isGuided: false) == "NnnN")
        shortcuts.guidancePeriod = 2
        // The fifth has guidance of which the inner blocks' last run, without it, knows nothing.
        #expect(text(7) == "FrfRFrF")
        shortcuts.guidanceInterval = 0.3...0.8
        #expect(text(10) == "NnnFrfRFnN")
        shortcuts.guidanceInterval = 1...1
        #expect(text(4) == "NnnN")
    }

    /// Work that shortcuts save is not predicted, and memory that they take is.
    @Test func estimatesKnowShortcuts() throws {
        let fixture = ModelFixture(name: "tiny-sd")
        let golden = try GoldenFile(ModelFixture.fixtures.appendingPathComponent("shortcuts/golden.safetensors"))
        var request = try request(fixture, golden)
        request.settings.steps = 20
        let model = try ModelDirectory(fixture.folder)
        func estimate(_ fast: FastMode?) throws -> RunEstimate {
            request.settings.fast = fast
            return try RunEstimate(model: model, width: 48, height: 40, settings: request.settings, threads: 2)
        }
        let operations = try [nil, FastMode.fast, .more].map { try estimate($0).work.operations }
        #expect(operations[1] < 0.6 * operations[0] && operations[2] < 0.8 * operations[1])
        let predicted = try estimate(.more).tensorBytes
        let compute = try Compute(threads: 2)
        _ = try InstructPix2Pix(model: model, compute: compute).generate(request)
        #expect(abs(Double(predicted) / Double(compute.peakBytes) - 1) < 0.1)
    }
}
