import StableDiffusion
import TensorKernels
import TestSupport
import Testing

@Suite struct TextEncoderTests {
    @Test(arguments: ModelFixture.all) func equalsTransformers(fixture: ModelFixture) throws {
        let model = try CLIPTextModel(
            fixture.weights("text_encoder"), CLIPTextConfiguration(contentsOf: fixture.configuration("text_encoder")),
            compute: Compute(threads: 2))
        let golden = try fixture.golden
        for run in try fixture.runs {
            let ids = try golden["\(run.name).token_ids"]
            let length = ids.shape[1]
            let texts = (0..<ids.shape[0]).map { Array(ids.integers[$0 * length..<($0 + 1) * length]) }
            let expected = try golden["\(run.name).text"]
            let embeddings = model(texts)
            #expect(embeddings.shape == expected.shape)
            #expect(relativeError(embeddings.values, expected.floats) < tolerance)
        }
    }
}
