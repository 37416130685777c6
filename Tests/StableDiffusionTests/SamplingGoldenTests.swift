import StableDiffusion
import TestSupport
import Testing

/// The samplers against diffusers: noise scale, timesteps, the latents after each step, and how many
/// random values were drawn.
@Suite struct SamplingGoldenTests {
    private static let latentCount = 20

    /// The stand-in for the UNet that the fixtures were made with, to the bit.
    private func prediction(_ scaled: [Float], step: Int) -> [Float] {
        scaled.indices.map { index in
            let noise = Float((step * 7919 + index * 104729) % 257) / 128 - 1
            return scaled[index] * 0.3 + noise * 0.7
        }
    }

    @Test func everyStepEqualsDiffusers() throws {
        var golden = try LittleEndianReader("samplers.bin")
        var checked = 0
        for run in try SamplingFixtures.runs("samplers.json") {
            // Steps at zero signal-to-noise start at sigma 4096, where the last bit of a sigma is worth 1e-4 of the
            // first latents, and the reference's square root is only good to the last bit.
            let tolerance = run.isEulerAtZeroSNR ? 2e-4 : 5e-6
            var sampler = try run.kind.makeSampler(run.configuration, steps: run.steps)
            let scale = try golden.float()
            #expect(abs(sampler.initialNoiseScale - scale) <= scale * 2e-7, "\(run.name)")
            let timesteps = try golden.floats(sampler.timesteps.count)
            for (timestep, expected) in zip(sampler.timesteps, timesteps) {
                // Whole timesteps must be equal; fractional ones of Karras' levels pass through numpy's logarithm.
                #expect(abs(timestep - expected) <= (expected.rounded() == expected ? 0 : 1e-4), "\(run.name)")
            }
            var random = TorchRandom(seed: UInt64(run.steps))
            let noiseScale = sampler.initialNoiseScale
            var latents = random.normal(count: Self.latentCount).map { $0 * noiseScale }
            for step in sampler.timesteps.indices {
                let predicted = prediction(sampler.scaleModelInput(latents, step: step), step: step)
                latents = sampler.step(predicted, step: step, latents: latents, random: &random)
                let error = relativeError(latents, try golden.floats(Self.latentCount))
                #expect(error < tolerance, "step \(step), \(run.name)")
                checked += 1
            }
            // As many values drawn as there, the last step's too.
            #expect(try random.normal(count: 16)[0] == golden.float(), "\(run.name)")
        }
        #expect(golden.isAtEnd)
        #expect(checked > 10_000)
    }

    /// Every sampler with every spacing and kind of prediction at every count of steps up to 50.
    @Test func lastStepEqualsDiffusersAtEveryCount() throws {
        var golden = try LittleEndianReader("samplers-last.bin")
        var counts: [String: Set<Int>] = [:]
        var kinds: Set<SamplerKind> = []
        for run in try SamplingFixtures.runs("samplers-last.json") {
            var sampler = try run.kind.makeSampler(run.configuration, steps: run.steps)
            var random = TorchRandom(seed: UInt64(run.steps))
            let noiseScale = sampler.initialNoiseScale
            var latents = random.normal(count: Self.latentCount).map { $0 * noiseScale }
            for step in sampler.timesteps.indices {
                let predicted = prediction(sampler.scaleModelInput(latents, step: step), step: step)
                latents = sampler.step(predicted, step: step, latents: latents, random: &random)
            }
            let error = relativeError(latents, try golden.floats(Self.latentCount))
            #expect(error < 1e-5, "\(run.name)")
            counts[run.group, default: []].insert(run.steps)
            kinds.insert(run.kind)
        }
        #expect(golden.isAtEnd)
        #expect(kinds == Set(SamplerKind.allCases) && counts.count >= 69)
        for (group, counts) in counts { #expect(counts == Set(1...50), "\(group)") }
    }

    @Test func timestepsEqualDiffusersAtEveryCount() throws {
        var golden = try LittleEndianReader("samplers-timesteps.bin")
        for run in try SamplingFixtures.runs("samplers-timesteps.json") {
            let sampler = try run.kind.makeSampler(run.configuration, steps: run.steps)
            let expected = try sampler.timesteps.map { _ in Float(try golden.integer(UInt16.self)) }
            #expect(differences(sampler.timesteps, expected) == nil, "\(run.name)")
        }
        #expect(golden.isAtEnd)
    }
}
