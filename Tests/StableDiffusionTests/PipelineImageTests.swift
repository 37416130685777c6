import StableDiffusion
import TensorKernels
import TestSupport
import Testing

@Suite struct PipelineImageTests {
    private let compute: Compute

    init() throws { compute = try Compute(threads: 1) }

    /// numpy rounds halves to even; the file holds floats around every half.
    @Test func levelsEqualNumpys() throws {
        let golden = try GoldenFile(ModelFixture.fixtures.appendingPathComponent("rounding.safetensors"))
        let values = try golden["values"].floats
        let count = values.count / 3
        let image = PixelImage(compute.tensor(values, [1, 1, count, 3]))
        #expect(try differences(image.rgb, golden["levels"].bytes) == nil)
        #expect(image.width == count && image.height == 1)
    }

    @Test func tensorSpansMinusOneToOne() {
        let image = PixelImage(width: 2, height: 1, rgb: [0, 255, 51, 102, 204, 128])
        let tensor = image.tensor(on: compute)
        #expect(tensor.shape == [1, 1, 2, 3])
        // x / 255 * 2 - 1
        #expect(relativeError(tensor.values, [-1, 1, -0.6, -0.2, 0.6, 1.0 / 255]) < 1e-6)
        #expect(PixelImage(tensor) == image)
    }
}
