import Checkpoints
import StableDiffusion
import TensorKernels
import TestSupport
import Testing

@Suite struct UNetTests {
    private let compute: Compute

    init() throws { compute = try Compute(threads: 2) }

    /// A UNet without cross-attention, which does not read its texts, and one that reads them by its time embedding.
    @Test(arguments: ["tiny-plain-unet", "tiny-text-time-unet"]) func unetAloneEqualsDiffusers(name: String) throws {
        let fixture = ModelFixture(name: name)
        let configuration = try UNetConfiguration(contentsOf: fixture.folder.appendingPathComponent("config.json"))
        let store = try WeightStore(folder: fixture.folder, name: "diffusion_pytorch_model")
        let unet = try UNet(store, configuration, compute: compute)
        let golden = try fixture.golden
        let (samples, text) = (try golden["samples"], try golden["text"])
        let context = TextContext(compute.tensor(text.floats, text.shape))
        // Three branches of two inputs: the second input's twice.
        let output = unet(
            image(samples, on: compute), timestep: 33.25, text: context,
            branches: [Branch(sample: 0, text: 0), Branch(sample: 1, text: 1), Branch(sample: 1, text: 0)])
        let expected = try golden["output"]
        let half = expected.floats.count / 2
        let values = output.channelsFirstValues
        #expect(relativeError(Array(values.prefix(2 * half)), expected.floats) < tolerance)
        let otherText = relativeError(Array(values.suffix(half)), Array(expected.floats.suffix(half)))
        #expect(configuration.textTimeHeads == nil ? otherText < tolerance : otherText.value > 0.01)
    }

    /// Branches that share an input or a text must equal those computed alone, but for the rounding of kernels that go
    /// another way at another batch size.
    @Test(arguments: ModelFixture.all) func sharedWorkChangesNothing(fixture: ModelFixture) throws {
        let configuration = try UNetConfiguration(contentsOf: fixture.configuration("unet"))
        let unet = try UNet(fixture.weights("unet"), configuration, compute: compute)
        var random = TorchRandom(seed: 3)
        let (height, width) = (5, 6)
        let samples = (0..<2).map { _ in
            compute.tensor(
                random.normal(count: height * width * configuration.inChannels),
                [1, height, width, configuration.inChannels])
        }
        let texts = (0..<2).map { _ in
            compute.tensor(
                random.normal(count: 4 * configuration.crossAttentionDim), [1, 4, configuration.crossAttentionDim])
        }
        let branches = [(0, 0), (0, 1), (1, 1)].map { Branch(sample: $0.0, text: $0.1) }
        let shared = unet(
            .stacked(samples), timestep: 123.5, text: TextContext(.stacked(texts)), branches: branches)
        for (index, branch) in branches.enumerated() {
            let alone = unet(
                samples[branch.sample], timestep: 123.5, text: TextContext(texts[branch.text]),
                branches: [Branch(sample: 0, text: 0)])
            #expect(relativeError(shared.slice(index..<index + 1).values, alone.values) < 1e-5)
        }
    }
}
