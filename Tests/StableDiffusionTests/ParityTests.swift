import StableDiffusion
import TensorKernels
import TestSupport
import Testing

/// Whole runs, stage by stage, against diffusers' pipeline.
@Suite struct ParityTests {
    @Test(arguments: ModelFixture.all) func everyStageEqualsDiffusers(fixture: ModelFixture) throws {
        let pipeline = try InstructPix2Pix(model: ModelDirectory(fixture.folder), compute: Compute(threads: 2))
        for run in try fixture.runs { try compare(pipeline, fixture, run) }
    }

    private func compare(_ pipeline: InstructPix2Pix, _ fixture: ModelFixture, _ run: ModelFixture.Run) throws {
        let golden = try fixture.golden
        let sampler = try run.sampler.map { try #require(SamplerKind(name: $0)) }
        let settings = try pipeline.model.defaults.applying(
            [
                .init(\.instruction, run.instruction), .init(\.negativePrompt, run.negative), .init(\.steps, run.steps),
                .init(\.guidanceScale, run.guidance), .init(\.imageGuidanceScale, run.image_guidance),
                .init(\.sampler, sampler),
            ].compactMap { $0 })
        let request = GenerationRequest(
            image: PixelImage(width: run.size[0], height: run.size[1], rgb: try golden["\(run.name).photo"].bytes),
            settings: settings, seed: run.seed)
        var stages: [String: StageValue] = [:]
        let result = try pipeline.generate(request, observer: { stages[$0.name] = $0 })

        func expect(_ name: String) throws {
            let stage = try #require(stages[name], "\(name) of \(run.name)")
            // Without guidance there is no negative instruction here; the file has it, last.
            let reference = try golden["\(run.name).\(name)"].floats.prefix(stage.values.count)
            #expect(relativeError(stage.values, Array(reference)) < tolerance, "\(fixture.name) \(run.name) \(name)")
            if name == "token_ids" { #expect(differences(stage.values, reference) == nil) }
        }
        for name in ["token_ids", "text", "image_latents"] { try expect(name) }
        let branches = settings.guidance.branches.count
        for step in result.timings.steps.indices {
            for branch in 0..<branches { try expect("branch.\(branch).\(step)") }
            for branch in 1..<max(branches, 1) { try expectDifference(stages, golden, run, step, branch) }
            try expect("latents.\(step)")
        }
        #expect(!golden.keys.contains("\(run.name).latents.\(result.timings.steps.count)"))
        try expect("output")
        // The reference rounds the same picture, off by one level where the float lies at a half.
        let expected = try golden["\(run.name).image"].bytes
        #expect(differences(result.image.rgb, expected, beyond: 1) == nil)
        #expect(zip(result.image.rgb, expected).count { $0 != $1 } * 100 <= expected.count)
    }

    /// The guidance's differences: text and image against image alone, image against nothing.
    private func expectDifference(
        _ stages: [String: StageValue], _ golden: GoldenFile, _ run: ModelFixture.Run, _ step: Int, _ branch: Int
    ) throws {
        let ours = try [branch - 1, branch].map { try #require(stages["branch.\($0).\(step)"]).values }
        let theirs = try [branch - 1, branch].map { try golden["\(run.name).branch.\($0).\(step)"].floats }
        let error = relativeError(zip(ours[0], ours[1]).map(-), zip(theirs[0], theirs[1]).map(-))
        #expect(error < tolerance, "\(run.name) branches \(branch - 1) and \(branch), step \(step)")
    }
}
