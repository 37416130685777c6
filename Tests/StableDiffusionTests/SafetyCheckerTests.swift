import Foundation
import StableDiffusion
import TensorKernels
import TestSupport
import Testing

/// A tiny safety checker with random weights, against what diffusers computes with it (see make_safety_fixtures.py).
@Suite struct SafetyCheckerTests {
    private static var folder: URL { ModelFixture.fixtures.appendingPathComponent("safety") }
    private let tiny = ModelFixture(name: "tiny-sd")

    private func golden() throws -> (GoldenFile, [PixelImage]) {
        let golden = try GoldenFile(Self.folder.appendingPathComponent("golden.safetensors"))
        let images = try (0..<2).map { number in
            let values = try golden["\(number).image"]
            return PixelImage(width: values.shape[1], height: values.shape[0], rgb: values.bytes)
        }
        return (golden, images)
    }

    @Test(arguments: [1, 3]) func scoresEqualDiffusers(threads: Int) throws {
        let (golden, images) = try golden()
        let checker = try SafetyChecker(model: Self.folder, compute: Compute(threads: threads))
        for (number, image) in images.enumerated() {
            let scores = checker(image)
            for (name, values) in [("concepts", scores.concepts), ("special", scores.special)] {
                let expected = try golden["\(number).\(name)"].floats
                #expect(values.count == expected.count)
                #expect(zip(values, expected).allSatisfy { abs($0 - $1) < 1e-3 }, "\(number) \(name)")
            }
            #expect(scores.isFlagged == (number == 0))
        }
    }

    /// To the last bit but for how float32 is rounded: Pillow's resampling of 8-bit values has one right result.
    @Test func pixelsEqualPillow() throws {
        let (golden, images) = try golden()
        let file = Self.folder.appendingPathComponent("feature_extractor/preprocessor_config.json")
        let preparation = try preparation(#require(JSONValue(parsing: [UInt8](Data(contentsOf: file))).object))
        for (number, image) in images.enumerated() {
            let expected = try golden["\(number).pixels"].floats
            let pixels = preparation(image)
            #expect(pixels.count == expected.count && zip(pixels, expected).allSatisfy { abs($0 - $1) < 1e-5 })
        }
    }

    private func preparation(_ fields: [String: JSONValue]) throws -> CLIPImagePreparation {
        try CLIPImagePreparation(
            ConfigurationFields(fields, file: "preprocessor_config.json", defaults: CLIPImagePreparation.defaults))
    }

    @Test func sizesAreReadInEitherForm() throws {
        for fields: [String: JSONValue] in [
            [:], ["size": 224, "crop_size": 224],
            ["size": .object(["shortest_edge": 224]), "crop_size": .object(["height": 224, "width": 224])],
        ] {
            let preparation = try preparation(fields)
            #expect(preparation.shortestEdge == 224 && preparation.cropSize == 224)
        }
    }

    @Test(
        arguments: [
            ("size", .object(["height": 224, "width": 224])), ("size", 0), ("size", nil), ("crop_size", 225),
            ("crop_size", .object(["height": 224, "width": 112])), ("do_resize", false), ("resample", 2),
            ("image_mean", [0.5]), ("image_std", [0.5, 0, 0.5]), ("image_std", [1, 1, 1e60]),
        ] as [(String, JSONValue)])
    func otherPreparationsAreRefused(field: String, value: JSONValue) throws {
        let error = thrownError(ConfigurationError.self) { _ = try preparation([field: value]) }
        #expect(error?.reason.contains(field) == true, "\(error?.reason ?? "none")")
    }

    // MARK: - In a model

    /// tiny-sd with the safety checker.
    private func withChecker(
        index: [String: Any] = [:], _ body: (URL) throws -> Void
    ) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.copyItem(at: tiny.folder, to: folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        for part in ["safety_checker", "feature_extractor"] {
            try FileManager.default.copyItem(
                at: Self.folder.appendingPathComponent(part), to: folder.appendingPathComponent(part))
        }
        let file = folder.appendingPathComponent("model_index.json")
        let fields = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any]
        try JSONSerialization.data(withJSONObject: #require(fields).merging(index) { $1 }).write(to: file)
        try body(folder)
    }

    private func request(_ model: ModelDirectory) throws -> GenerationRequest {
        var settings = try model.defaults
        (settings.steps, settings.guidanceScale) = (1, 1)
        return GenerationRequest(
            image: PixelImage(width: 32, height: 24, rgb: (0..<32 * 24 * 3).map { UInt8($0 * 7 % 256) }),
            settings: settings, seed: 5)
    }

    @Test func imagesAreCheckedWhereTheFolderHasOne() throws {
        try withChecker { folder in
            let model = try ModelDirectory(folder)
            #expect(model.checksSafety)
            _ = try ModelSurvey(model)
            for residency in [InstructPix2Pix.Residency.stage, .run] {
                let pipeline = try InstructPix2Pix(
                    model: model, compute: Compute(threads: 2), residency: residency)
                for picture in 0..<2 {
                    var (events, stages): ([ProgressEvent], [String: [Float]]) = ([], [:])
                    let result = try pipeline.generate(
                        request(model), observer: { stages[$0.name] = $0.values }, progress: { events.append($0) })
                    #expect(events.last == .checking)
                    #expect(events.contains(.loading("safety checker")) == (residency == .stage || picture == 0))
                    let safety = try #require(result.safety)
                    #expect(stages["safety.concepts"] == safety.concepts && stages["safety.special"] == safety.special)
                    // Of the image as it is written.
                    let checker = try SafetyChecker(model: folder, compute: Compute(threads: 1))
                    #expect(checker(result.image) == safety)
                }
            }

            let without = model.withoutSafetyChecker()
            #expect(!without.checksSafety)
            let plain = try InstructPix2Pix(model: without, compute: Compute(threads: 2)).generate(request(without))
            #expect(plain.safety == nil)
            func estimate(_ model: ModelDirectory) throws -> RunEstimate {
                try RunEstimate(model: model, width: 32, height: 24, settings: request(model).settings, threads: 2)
            }
            let (checked, unchecked) = (try estimate(model), try estimate(without))
            #expect(checked.stages.count == 5 && Array(checked.stages.prefix(4)) == unchecked.stages)
            #expect(checked.work.operations > unchecked.work.operations)
            #expect(checked.virtualBytes(residency: .run) > unchecked.virtualBytes(residency: .run) + 40_000)
        }
    }

    @Test func theIndexMaySayThatThereIsNone() throws {
        try withChecker(index: ["safety_checker": [NSNull(), NSNull()]]) { folder in
            let model = try ModelDirectory(folder)
            #expect(!model.checksSafety)
        }
        try withChecker(index: ["safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"]]) { folder in
            let model = try ModelDirectory(folder)
            #expect(model.checksSafety)
        }
        #expect(try !ModelDirectory(tiny.folder).checksSafety)
    }

    /// What cannot be run is refused before a picture is begun; without it, the model works.
    @Test(arguments: [
        ("safety_checker/config.json", #"{"projection_dim": 16, "vision_config": {"hidden_size": 32}}"#),
        ("safety_checker/config.json", "[]"), ("safety_checker/model.safetensors", "nothing"),
        ("feature_extractor/preprocessor_config.json", #"{"size": 32, "crop_size": 32}"#),
    ])
    func unsoundCheckersAreRefused(file: String, content: String) throws {
        try withChecker { folder in
            try Data(content.utf8).write(to: folder.appendingPathComponent(file))
            let model = try ModelDirectory(folder)
            #expect(throws: (any Error).self) { try ModelSurvey(model) }
            _ = try ModelSurvey(model.withoutSafetyChecker())
        }
    }
}
