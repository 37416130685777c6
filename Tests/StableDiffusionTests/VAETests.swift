import StableDiffusion
import TensorKernels
import TestSupport
import Testing

@Suite struct VAETests {
    private let compute: Compute

    init() throws { compute = try Compute(threads: 2) }

    @Test(arguments: ModelFixture.all) func encoderEqualsDiffusers(fixture: ModelFixture) throws {
        let encoder = try VAEEncoder(
            fixture.weights("vae"), VAEConfiguration(contentsOf: fixture.configuration("vae")), compute: compute)
        let golden = try fixture.golden
        for run in try fixture.runs {
            let picture = PixelImage(
                width: run.size[0], height: run.size[1], rgb: try golden["\(run.name).photo"].bytes)
            let expected = try golden["\(run.name).image_latents"]
            let latents = encoder(picture.tensor(on: compute))
            #expect([1, latents.shape[3], latents.shape[1], latents.shape[2]] == expected.shape)
            #expect(relativeError(latents.channelsFirstValues, expected.floats) < tolerance)
        }
    }

    @Test(arguments: ModelFixture.all) func decoderEqualsDiffusers(fixture: ModelFixture) throws {
        let configuration = try VAEConfiguration(contentsOf: fixture.configuration("vae"))
        let decoder = try VAEDecoder(fixture.weights("vae"), configuration, compute: compute)
        let golden = try fixture.golden
        for run in try fixture.runs {
            // The reference's last latents, so that no earlier stage counts.
            let last = try #require(
                golden.keys.filter { $0.hasPrefix("\(run.name).latents.") }.max { $0.count < $1.count || $0 < $1 })
            let latents = try golden[last]
            let scaled = latents.floats.map { $0 / configuration.scalingFactor }
            let output = decoder(compute.tensor(channelsFirst: scaled, latents.shape))
            #expect(relativeError(output.channelsFirstValues, try golden["\(run.name).output"].floats) < tolerance)
        }
    }
}
