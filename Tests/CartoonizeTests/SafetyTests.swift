import Foundation
import Testing

/// What `--safety` makes of pictures that a model's safety checker flags.
struct SafetyTests {
    private struct Report: Decodable {
        struct Safety: Decodable {
            var flagged: Bool
            var score: Double
        }

        var safety: Safety?
        var exit_code: Int32?
    }

    private let fixtures = Program.modelsFolder.deletingLastPathComponent()
        .appendingPathComponent("Tests/StableDiffusionTests/Fixtures")

    /// A photo, and a tiny model whose checker flags every picture or none: no cosine is beyond 1.
    private func folderWithModel(flags: Bool) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.write("a.png", SamplePicture.png())
        let model = folder.url.appendingPathComponent("model")
        try FileManager.default.copyItem(at: fixtures.appendingPathComponent("tiny-sd"), to: model)
        for part in ["safety_checker", "feature_extractor"] {
            try FileManager.default.copyItem(
                at: fixtures.appendingPathComponent("safety/\(part)"), to: model.appendingPathComponent(part))
        }
        var file = try folder.data("model/safety_checker/model.safetensors")
        let length = file.withUnsafeBytes { Int($0.loadUnaligned(as: UInt64.self)) }
        let header = try #require(JSONSerialization.jsonObject(with: file[8..<8 + length]) as? [String: Any])
        let thresholds = try #require(header["concept_embeds_weights"] as? [String: Any])
        let place = try #require(thresholds["data_offsets"] as? [Int])
        for offset in stride(from: 8 + length + place[0], to: 8 + length + place[1], by: 2) {
            file.replaceSubrange(offset..<offset + 2, with: flags ? [0x00, 0xC0] : [0x00, 0x40])  // -2 or 2 in float16
        }
        try folder.write("model/safety_checker/model.safetensors", file)
        return folder
    }

    private func run(_ options: [String], in folder: TemporaryFolder, photo: String = "a.png") throws -> Program.Outcome
    {
        try Program.run(
            [photo, "-m", "./model", "--size", "64x64", "--steps", "2", "--seed", "5"] + options, in: folder)
    }

    private func report(_ outcome: Program.Outcome) throws -> Report {
        try JSONDecoder().decode(Report.self, from: outcome.output)
    }

    @Test(arguments: [[], ["--safety", "on"]]) func flaggedImagesAreNotWritten(options: [String]) throws {
        let folder = try folderWithModel(flags: true)
        let before = folder.contents
        let outcome = try run(options + ["--preview", "1", "--json", "-q"], in: folder)
        #expect(outcome.status == 8)
        #expect(outcome.errorLines.count == 1)
        #expect(outcome.errors.contains("a.png: the model's safety checker finds the image not safe for work"))
        #expect(outcome.errors.contains("--safety report"))
        #expect(try report(outcome).exit_code == 8)
        #expect(folder.contents == before)
    }

    @Test func consentWritesThem() throws {
        let folder = try folderWithModel(flags: true)
        let flagged = try run(["--safety", "report", "-o", "report.png", "--json", "-q"], in: folder)
        #expect(flagged.status == 0)
        #expect(flagged.errors.contains("note: a.png: the model's safety checker finds the image not safe for work"))
        let safety = try #require(report(flagged).safety)
        #expect(safety.flagged && safety.score > 0)
        let unchecked = try run(["--safety", "off", "-o", "off.png", "--json", "-q"], in: folder)
        #expect(unchecked.status == 0 && unchecked.errors.isEmpty)
        #expect(try report(unchecked).safety == nil)
        #expect(try folder.data("report.png") == folder.data("off.png"))
    }

    @Test func othersAreWritten() throws {
        let folder = try folderWithModel(flags: false)
        let outcome = try run(["--json", "-q"], in: folder)
        #expect(outcome.status == 0 && outcome.errors.isEmpty)
        let safety = try #require(report(outcome).safety)
        #expect(!safety.flagged && safety.score < 0)
        #expect(folder.contents.contains("a.cartoon.png"))
    }

    @Test func batchesGoOnAfterAFlaggedImage() throws {
        let folder = try folderWithModel(flags: true)
        try folder.write("photos/a.png", SamplePicture.png())
        try folder.write("photos/b.png", SamplePicture.png())
        let outcome = try run(["-o", "toons", "-q"], in: folder, photo: "photos")
        #expect(outcome.status == 6)
        let lines = try String(decoding: folder.data("toons/cartoonize.jsonl"), as: UTF8.self).split(separator: "\n")
        #expect(lines.count == 2 && lines.allSatisfy { $0.contains("\"exit_code\":8") })
        #expect(folder.contents.filter { $0.hasPrefix("toons/") } == ["toons/cartoonize.jsonl"])
        // Consent makes what is left.
        #expect(try run(["-o", "toons", "-q", "--safety", "report"], in: folder, photo: "photos").status == 0)
        #expect(folder.contents.contains("toons/b.cartoon.png"))
    }

    @Test func withoutACheckerTheOptionIsNoted() throws {
        let folder = try folderWithModel(flags: true)
        try FileManager.default.removeItem(at: folder.url.appendingPathComponent("model/safety_checker"))
        let outcome = try run(["--safety", "on"], in: folder)
        #expect(outcome.status == 0)
        #expect(outcome.errors.contains("note: --safety on has no effect: the model has no safety checker"))
        #expect(try !run(["-o", "b.png"], in: folder).errors.contains("--safety"))
    }

    @Test func unsoundCheckersAreRefused() throws {
        let folder = try folderWithModel(flags: false)
        try folder.write("model/safety_checker/config.json", Data("{}".utf8))
        let outcome = try run([], in: folder)
        #expect(outcome.status == 3)
        #expect(outcome.errors.contains("safety_checker") && outcome.errors.contains("--safety off"))
        #expect(try run(["--safety", "off"], in: folder).status == 0)
    }
}
