import Checkpoints
import Foundation
import StableDiffusion
import TensorKernels
import TestSupport
import Testing

@Suite struct PreviewTests {
    private let compute: Compute

    init() throws { compute = try Compute(threads: 1) }

    /// Where latents are a linear function of colours, the fitted colours are the picture itself, at the latents' size.
    @Test(arguments: ["tiny-sample", "tiny-sd"]) func colourOfLinearLatentsIsExact(model: String) throws {
        let directory = try ModelDirectory(ModelFixture(name: model).folder)
        let (width, height, factor, channels) = (6, 4, 2, 4)
        // Each latent is one block of the picture.
        let colours = (0..<width * height).map { block in [(block * 37) % 256, (block * 91) % 256, (block * 143) % 256]
        }
        var rgb: [UInt8] = []
        for y in 0..<height * factor {
            for x in 0..<width * factor { rgb += colours[y / factor * width + x / factor].map { UInt8($0) } }
        }
        let mix: [[Float]] = [
            [0.01, 0.002, -0.004], [-0.003, 0.012, 0.001], [0.002, 0.002, 0.009], [0.005, -0.006, 0],
        ]
        let latents = colours.flatMap { colour in
            mix.map { row in zip(row, colour).reduce(-0.7) { $0 + $1.0 * Float($1.1) } }
        }
        let maker = try PreviewMaker(
            imageLatents: compute.tensor(latents, [1, height, width, channels]),
            image: PixelImage(width: width * factor, height: height * factor, rgb: rgb),
            schedule: directory.scheduler, steps: 2, scalingFactor: 0.5)

        let clean = (0..<channels).flatMap { channel in
            (0..<width * height).map { 0.5 * latents[$0 * channels + channel] }
        }
        let noise = clean.indices.map { Float($0 % 7) / 3 - 1 }
        // At timestep 0 the clean share is 1 - beta_start.
        let alpha: Float = 1 - 0.00085
        let input = zip(clean, noise).map { alpha.squareRoot() * $0 + (1 - alpha).squareRoot() * $1 }
        let picture = maker.picture(prediction: model == "tiny-sample" ? clean : noise, input: input, timestep: 0)
        #expect(picture.width == width && picture.height == height)
        #expect(differences(picture.rgb.map { Int($0) }, colours.joined(), beyond: 1) == nil)
    }

    /// With a tiny autoencoder a preview is what diffusers decodes from the same latents.
    @Test func tinyAutoencoderDecodesPreviews() throws {
        let folder = ModelFixture.fixtures.appendingPathComponent("taesd-narrow")
        let configuration = try AutoencoderConfiguration(contentsOf: folder.appendingPathComponent("config.json"))
        let golden = try GoldenFile(folder.appendingPathComponent("golden.safetensors"))
        let latents = try golden["other_latents"]
        let maker = try PreviewMaker(
            decoder: ImageDecoder(
                WeightStore(folder: folder, name: "diffusion_pytorch_model"), configuration, compute: compute),
            imageLatents: image(latents, on: compute),
            schedule: ModelDirectory(ModelFixture(name: "tiny-sample").folder).scheduler, steps: 2,
            scalingFactor: configuration.scalingFactor)
        // This model predicts the clean latents themselves.
        let picture = maker.picture(
            prediction: latents.floats, input: [Float](repeating: 0, count: latents.floats.count), timestep: 500)
        let decoded = image(try golden["decoded"], on: compute)
        #expect(picture.width == decoded.shape[2] && picture.height == decoded.shape[1])
        let levels = decoded.values.map { min(max(($0 + 1) * 127.5, 0), 255) }
        #expect(differences(picture.rgb.map { Float($0) }, levels, beyond: 0.51) == nil)
    }

    /// A model with a folder `taesd` makes its previews with it, at the picture's size; without it at the latents'.
    @Test func modelsBringTheirTinyAutoencoder() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("preview-\(UUID().uuidString)")
        try FileManager.default.copyItem(at: ModelFixture(name: "tiny-sd").folder, to: folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        let size = 64
        var settings = try ModelDirectory(folder).defaults
        (settings.instruction, settings.steps, settings.guidanceScale) = ("a cat", 2, 1)
        let request = GenerationRequest(
            image: PixelImage(width: size, height: size, rgb: (0..<3 * size * size).map { UInt8($0 % 251) }),
            settings: settings, seed: 1)
        func previews() throws -> (shown: [Int], result: [UInt8]) {
            var shown: [Int] = []
            let pipeline = try InstructPix2Pix(model: ModelDirectory(folder), compute: compute)
            let result = try pipeline.generate(
                request, preview: Preview(interval: 1) { _, picture in shown.append(picture.width) })
            return (shown, result.image.rgb)
        }
        let without = try previews()
        #expect(without.shown == [size / 8, size / 8])
        let tiny = folder.appendingPathComponent("taesd")
        try FileManager.default.copyItem(at: ModelFixture.fixtures.appendingPathComponent("taesd-narrow"), to: tiny)
        let with = try previews()
        #expect(with.shown == [size, size])
        #expect(differences(with.result, without.result) == nil)
        _ = try ModelSurvey(ModelDirectory(folder))

        // One of another number of latent channels is no fit.
        try FileManager.default.removeItem(at: tiny)
        try FileManager.default.copyItem(at: ModelFixture.fixtures.appendingPathComponent("taesd-odd"), to: tiny)
        let error = try #require(thrownError(ConfigurationError.self) { try ModelDirectory(folder) })
        #expect(error.description.contains("taesd/config.json") && error.description.contains("latent_channels is 5"))
    }

    /// A picture of one colour determines no colours; the preview is that colour where nothing changed.
    @Test func plainPictureHasAPreview() throws {
        let directory = try ModelDirectory(ModelFixture(name: "tiny-sample").folder)
        let maker = try PreviewMaker(
            imageLatents: compute.tensor([Float](repeating: 0.25, count: 16), [1, 2, 2, 4]),
            image: PixelImage(width: 4, height: 4, rgb: [UInt8](repeating: 200, count: 48)),
            schedule: directory.scheduler, steps: 2, scalingFactor: 1)
        let picture = maker.picture(
            prediction: [Float](repeating: 0.25, count: 16), input: [Float](repeating: 0, count: 16), timestep: 0)
        #expect(differences(picture.rgb, [UInt8](repeating: 200, count: 12), beyond: 1) == nil)
    }
}
