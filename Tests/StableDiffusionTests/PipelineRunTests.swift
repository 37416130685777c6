import Foundation
import StableDiffusion
import TensorKernels
import TestSupport
import Testing

@Suite struct PipelineRunTests {
    private struct Cancelled: Error {}

    private func request(_ fixture: ModelFixture, seed: UInt64 = 5) throws -> GenerationRequest {
        var settings = try ModelDirectory(fixture.folder).defaults
        (settings.instruction, settings.steps, settings.guidanceScale) = ("Turn it into a cartoon", 2, 3)
        return GenerationRequest(
            image: PixelImage(width: 16, height: 24, rgb: (0..<16 * 24 * 3).map { UInt8($0 * 7 % 256) }),
            settings: settings, seed: seed)
    }

    private func pipeline(_ fixture: ModelFixture, threads: Int = 2) throws -> InstructPix2Pix {
        try InstructPix2Pix(model: ModelDirectory(fixture.folder), compute: Compute(threads: threads))
    }

    @Test func progressReportsEachStage() throws {
        let fixture = ModelFixture(name: "tiny-sd")
        var events: [ProgressEvent] = []
        let result = try pipeline(fixture).generate(request(fixture), progress: { events.append($0) })
        #expect(
            events == [
                .loading("text encoder"), .loading("image encoder"), .encoding, .loading("UNet"), .step(0, of: 2),
                .step(1, of: 2), .step(2, of: 2), .loading("image decoder"), .decoding,
            ])
        #expect(result.timings.steps.count == 2 && result.image.width == 16 && result.image.height == 24)
    }

    @Test func throwingFromProgressEndsTheRun() throws {
        let fixture = ModelFixture(name: "tiny-sd")
        var steps = 0
        #expect(throws: Cancelled.self) {
            try pipeline(fixture).generate(
                request(fixture),
                progress: { event in
                    if case .step(let index, _) = event {
                        steps = index
                        if index == 1 { throw Cancelled() }
                    }
                })
        }
        #expect(steps == 1)
    }

    @Test(arguments: ModelFixture.all) func threadsDoNotChangeTheBytes(fixture: ModelFixture) throws {
        let one = try pipeline(fixture, threads: 1).generate(request(fixture))
        let three = try pipeline(fixture, threads: 3).generate(request(fixture))
        #expect(differences(one.image.rgb, three.image.rgb) == nil)
    }

    /// All tensors get the memory of the step before: exactly once what the first step keeps for the others has settled.
    @Test(arguments: ModelFixture.all) func stepsReuseMemory(fixture: ModelFixture) throws {
        let compute = try Compute(threads: 2)
        let pipeline = try InstructPix2Pix(model: ModelDirectory(fixture.folder), compute: compute)
        var request = try request(fixture)
        request.settings.steps = 6
        var peaks: [Int] = []
        _ = try pipeline.generate(
            request,
            progress: { event in
                if case .step(1..., _) = event { peaks.append(compute.peakBytes) }
            })
        #expect(peaks.count >= 6 && Set(peaks.dropFirst(2)).count == 1, "\(peaks)")
        #expect(peaks[2] - peaks[1] < peaks[1] / 200, "\(peaks)")
    }

    /// The plan takes the memory of a real run, but for the few values that stages hand on.
    @Test(arguments: ModelFixture.all) func memoryIsPlanned(fixture: ModelFixture) throws {
        var request = try request(fixture)
        request.image = PixelImage(width: 96, height: 64, rgb: [UInt8](repeating: 99, count: 96 * 64 * 3))
        let (compute, model) = try (Compute(threads: 2), ModelDirectory(fixture.folder))
        _ = try InstructPix2Pix(model: model, compute: compute).generate(request)
        let estimate = try RunEstimate(
            model: model, width: 96, height: 64, settings: request.settings, threads: 2)
        #expect(abs(Double(estimate.tensorBytes) / Double(compute.peakBytes) - 1) < 0.1)
        let whole = estimate.peakBytes(residency: .run, weightPages: .kept)
        let stages = estimate.peakBytes(residency: .stage, weightPages: .kept)
        #expect(whole > stages && stages > estimate.tensorBytes)
        let kept = estimate.keptTensorBytes(residency: .stage, weightPages: .kept)
        #expect(kept <= estimate.tensorBytes && estimate.keptTensorBytes(residency: .run, weightPages: .kept) <= kept)
        // Addresses count whole files and room that is reserved.
        let virtual = estimate.virtualBytes(residency: .stage)
        #expect(estimate.reservedBytes > compute.peakBytes && virtual > estimate.reservedBytes)
        #expect(estimate.virtualBytes(residency: .run) > virtual)
    }

    /// More steps are more work of the denoising, each as much, and of nothing else.
    @Test func workIsPlanned() throws {
        let model = try ModelDirectory(ModelFixture(name: "tiny-sd").folder)
        func estimate(steps: Int, side: Int) throws -> RunEstimate {
            var settings = GenerationSettings(sampler: .euler)
            (settings.steps, settings.guidanceScale) = (steps, 1)
            return try RunEstimate(model: model, width: side, height: side, settings: settings, threads: 2)
        }
        let work = try estimate(steps: 10, side: 256).work
        let speed = try #require(MachineSpeed(Compute(threads: 2), for: work, tensorBytes: 0, least: 0))
        func seconds(steps: Int, side: Int) throws -> RunEstimate.Seconds {
            try estimate(steps: steps, side: side).seconds(speed, keptTensorBytes: 0)
        }
        let (ten, twenty) = (try seconds(steps: 10, side: 256), try seconds(steps: 20, side: 256))
        #expect(ten.text == twenty.text && ten.encode == twenty.encode && ten.decode == twenty.decode)
        #expect(abs(twenty.allSteps - ten.allSteps - 10 * ten.step) < 1e-9 * twenty.allSteps)
        #expect(try seconds(steps: 10, side: 512).encode > 3 * ten.encode)
    }

    /// A plan follows no address: it takes no memory, however large the picture.
    @Test func anySizeIsPlanned() throws {
        let model = try ModelDirectory(ModelFixture(name: "tiny-sd").folder)
        let estimate = try RunEstimate(
            model: model, width: 1 << 16, height: 1 << 16, settings: try model.defaults, threads: 2)
        #expect(estimate.tensorBytes > 1 << 36)
    }

    @Test(arguments: ModelFixture.all) func weightsMayLeaveMemory(fixture: ModelFixture) throws {
        let compute = try Compute(threads: 2)
        compute.weightPages = .released
        let model = try ModelDirectory(fixture.folder)
        let image = try InstructPix2Pix(model: model, compute: compute).generate(request(fixture)).image
        #expect(try differences(pipeline(fixture).generate(request(fixture)).image.rgb, image.rgb) == nil)
    }

    /// What stays in memory between stages and pictures is never read.
    @Test func keptTensorMemoryChangesNothing() throws {
        let fixture = ModelFixture(name: "tiny-sd")
        let pipeline = try pipeline(fixture)
        let image = try pipeline.generate(request(fixture)).image
        pipeline.keptTensorBytes = .max
        for _ in 0..<2 {
            #expect(try differences(pipeline.generate(request(fixture)).image.rgb, image.rgb) == nil)
        }
    }

    @Test func seedsDiffer() throws {
        let fixture = ModelFixture(name: "tiny-sd")
        let pipeline = try pipeline(fixture)
        let first = try pipeline.generate(request(fixture)).image
        #expect(try differences(pipeline.generate(request(fixture)).image.rgb, first.rgb) == nil)
        #expect(try differences(pipeline.generate(request(fixture, seed: 6)).image.rgb, first.rgb) != nil)
    }

    /// Parts that are kept for the next picture are not read again, and change nothing.
    @Test func keptPartsLoadOnce() throws {
        let fixture = ModelFixture(name: "tiny-sd")
        let keeping = try InstructPix2Pix(
            model: ModelDirectory(fixture.folder), compute: Compute(threads: 2), residency: .run)
        #expect(try keeping.generate(request(fixture)).timings.load > 0)
        var other = try request(fixture, seed: 6)
        var events: [ProgressEvent] = []
        let second = try keeping.generate(other, progress: { events.append($0) })
        #expect(events == [.encoding, .step(0, of: 2), .step(1, of: 2), .step(2, of: 2), .decoding])
        #expect(second.timings.load == 0 && second.timings.text == 0)
        #expect(try differences(pipeline(fixture).generate(other).image.rgb, second.image.rgb) == nil)
        other.settings.instruction = "Turn it into something else"
        let image = try pipeline(fixture).generate(other).image
        #expect(try differences(image.rgb, keeping.generate(other).image.rgb) == nil)
    }

    @Test func previewsComeAtTheInterval() throws {
        let fixture = ModelFixture(name: "tiny-sd")
        var previews: [Int] = []
        var request = try request(fixture)
        request.settings.steps = 5
        let plain = try pipeline(fixture).generate(request).image
        let watched = try pipeline(fixture).generate(
            request,
            preview: Preview(interval: 2) { step, picture in
                previews.append(step)
                #expect(picture.rgb.count == 3 * picture.width * picture.height && picture.width < 16)
            })
        #expect(previews == [2, 4])
        #expect(differences(watched.image.rgb, plain.rgb) == nil)
    }

    /// Damaged weights must end in an error, not in a trap where floats become pixels.
    @Test func valuesThatAreNoNumbersAreReported() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        let fixture = ModelFixture(name: "tiny-sample")
        try FileManager.default.copyItem(at: fixture.folder, to: folder)
        for (path, stage) in [
            ("vae/diffusion_pytorch_model.safetensors", "image latents"),
            ("unet/diffusion_pytorch_model.safetensors", "step 1"),
        ] {
            let file = folder.appendingPathComponent(path)
            let sound = try Data(contentsOf: file)
            // Float32 NaNs after the header.
            let length = sound.prefix(8).enumerated().reduce(8) { $0 + Int($1.element) << (8 * $1.offset) }
            try (sound.prefix(length) + Data(repeating: 0xFF, count: sound.count - length)).write(to: file)
            let damaged = try InstructPix2Pix(model: ModelDirectory(folder), compute: Compute(threads: 1))
            #expect(throws: GenerationError.notFinite(stage: stage)) { try damaged.generate(request(fixture)) }
            try sound.write(to: file)
        }
    }
}
