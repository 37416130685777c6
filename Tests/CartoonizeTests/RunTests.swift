import Foundation
import ImageCodecs
import TestSupport
import Testing

/// Runs that succeed, with the model that comes with the program.
struct RunTests {
    /// The documented object of `--json`.
    private struct Report: Decodable {
        var input: String
        var output: String
        var model: String
        var instruction: String
        var seed: UInt64
        var steps: Int
        var sampler: String
        var guidance: Float
        var imageGuidance: Float
        var width: Int
        var height: Int
        var peakRssBytes: Int
        var timings: [String: Double]
    }

    private func reports(_ outcome: Program.Outcome) throws -> [Report] {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try outcome.outputText.split(separator: "\n").map {
            try decoder.decode(Report.self, from: Data($0.utf8))
        }
    }

    private func folderWithPhoto(width: Int = 16, height: Int = 16) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.write("photo.png", SamplePicture.png(width: width, height: height))
        return folder
    }

    /// Whatever a step takes, the next one takes again.
    @Test func memoryDoesNotGrowWithSteps() throws {
        let folder = try folderWithPhoto()
        func peak(steps: Int) throws -> Int {
            let outcome = try Program.runShell(
                "$program photo.png --seed 1 --guidance 2 --image-guidance 1.5 -q --json -f --steps \(steps)",
                in: folder)
            return try #require(reports(outcome).first, "\(outcome.errors)").peakRssBytes
        }
        // Which pages of files the system maps moves a peak by two megabytes, the least of three by less than one; four
        // kilobytes per step would be 2.4.
        let few = try (0..<3).map { _ in try peak(steps: 2) }.min() ?? 0
        let many = try (0..<3).map { _ in try peak(steps: 602) }.min() ?? 0
        #expect(many - few < 2_000_000, "\(few) bytes with 2 steps, \(many) with 602")
    }

    // Names and streams

    @Test(arguments: [
        (["photo.png"], "photo.cartoon.png"),
        (["photo.png", "--format", "jpeg"], "photo.cartoon.jpg"),
        (["./photo.png"], "./photo.cartoon.png"),
        (["photo.png", "-o", "x.png"], "x.png"),
        (["photo.png", "-o", "x.JPG"], "x.JPG"),
        (["photo.png", "-o", "x", "--format", "png"], "x"),
        (["photo.png", "-o", "sub"], "sub/photo.cartoon.png"),
        (["photo.png", "-o", "sub/"], "sub/photo.cartoon.png"),
        (["-o", "x.png", "photo.png"], "x.png"),
        (["photo.png", "-o", "x.tar.png", "--count", "1"], "x.tar.png"),
    ])
    func outputGetsTheNameAskedFor(arguments: [String], name: String) throws {
        let folder = try folderWithPhoto()
        try FileManager.default.createDirectory(atPath: folder.path + "/sub", withIntermediateDirectories: false)
        let outcome = try Program.run(arguments + ["--steps", "1", "-q"], in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.outputText == name + "\n")
        #expect(outcome.errors.isEmpty)
        let picture = try folder.picture(name)
        #expect(picture.width == 16 && picture.height == 16)
        let start = try folder.data(name).prefix(2)
        #expect(start == (name.lowercased().hasSuffix("jpg") ? Data([0xFF, 0xD8]) : Data([0x89, 0x50])))
    }

    @Test func countMakesOneImagePerSeed() throws {
        let folder = try folderWithPhoto()
        let outcome = try Program.run(
            ["photo.png", "--count", "2", "--seed", "41", "--steps", "1", "--json"], in: folder)
        #expect(try reports(outcome).map(\.seed) == [41, 42])
        #expect(folder.contents == ["photo.cartoon-41.png", "photo.cartoon-42.png", "photo.png"])
        #expect(try folder.data("photo.cartoon-41.png") != folder.data("photo.cartoon-42.png"))
        // The second of two is the same picture as one of its own.
        _ = try Program.run(["photo.png", "-o", "alone.png", "--seed", "42", "--steps", "1"], in: folder)
        #expect(try differences(folder.data("photo.cartoon-42.png"), folder.data("alone.png")) == nil)
    }

    @Test func streamsGiveTheImageOfFiles() throws {
        let folder = try folderWithPhoto()
        let outcome = try Program.runShell(
            "cat photo.png | $program - -o - --seed 5 --steps 1 -q | tee x.png", in: folder)
        #expect(outcome.errors.isEmpty)
        _ = try Program.run(["photo.png", "-o", "y.png", "--seed", "5", "--steps", "1", "-q"], in: folder)
        #expect(try differences(outcome.output, folder.data("y.png")) == nil)
    }

    @Test func contentDecidesNotTheName() throws {
        let folder = try TemporaryFolder()
        try folder.write("photo.png", SamplePicture.jpeg())
        #expect(try Program.run(["photo.png", "--steps", "1", "-q"], in: folder).status == 0)
    }

    // What is reported

    @Test func reportHasTheDocumentedFields() throws {
        let folder = try folderWithPhoto(width: 21, height: 13)
        let outcome = try Program.run(
            ["photo.png", "--json", "-q", "--seed", "7", "-i", "Turn it into a sketch", "--guidance", "2.5"], in: folder
        )
        let report = try #require(reports(outcome).first)
        #expect(report.input == "photo.png" && report.output == "photo.cartoon.png")
        #expect(report.model == "cartoonizer-mini" && report.instruction == "Turn it into a sketch")
        #expect(report.seed == 7 && report.steps == 1 && report.sampler == "ddim")
        #expect(report.guidance == 2.5 && report.imageGuidance == 1)
        #expect(report.width == 21 && report.height == 13)
        #expect(report.peakRssBytes > 1 << 20)
        #expect(Set(report.timings.keys) == ["read", "load", "text", "encode", "step", "decode", "write", "total"])
        #expect(report.timings.values.allSatisfy { $0 > 0 })
        let parts = ["read", "load", "text", "encode", "decode", "write"].compactMap { report.timings[$0] }.reduce(0, +)
        #expect(parts < report.timings["total"] ?? 0)
    }

    @Test func randomSeedIsReportedAndEmbedded() throws {
        let folder = try folderWithPhoto()
        let outcome = try Program.run(["photo.png", "--steps", "1", "--json"], in: folder)
        let seed = try #require(reports(outcome).first).seed
        #expect(outcome.errors.contains("seed \(seed)\n"))
        let inspected = try Program.run(["inspect", "photo.cartoon.png"], in: folder)
        #expect(inspected.outputText.contains("Seed: \(seed), "))
        _ = try Program.run(["photo.png", "--steps", "1", "-q", "-o", "again.png", "--seed", "\(seed)"], in: folder)
        #expect(try differences(folder.data("again.png"), folder.data("photo.cartoon.png")) == nil)
    }

    @Test(arguments: ["png", "jpg"])
    func parametersComeBack(kind: String) throws {
        let folder = try folderWithPhoto()
        let instruction = "Make it \"bold\", très: like this\nNegative line"
        let outcome = try Program.run(
            ["photo.png", "-o", "x.\(kind)", "--steps", "2", "--seed", "9", "-q", "--negative", "日本, blurry"]
                + ["-i", instruction, "--sampler", "EulerDiscreteScheduler", "--size", "24x16"], in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        struct Inspected: Decodable {
            var instruction: String
            var negative: String
            var width: Int
            var height: Int
            var parameters: [String: String]
        }
        let inspected = try JSONDecoder().decode(
            Inspected.self, from: Program.run(["inspect", "x.\(kind)", "--json"], in: folder).output)
        #expect(inspected.instruction == instruction)
        #expect(inspected.negative == "日本, blurry")
        #expect(inspected.width == 24 && inspected.height == 16)
        #expect(inspected.parameters["Sampler"] == "Euler")
        #expect(inspected.parameters["Steps"] == "2")
        #expect(inspected.parameters["Seed"] == "9")
        #expect(inspected.parameters["Size"] == "24x16")
        #expect(inspected.parameters["Model"] == "cartoonizer-mini")
    }

    @Test func inspectionSaysThatThereAreNoParameters() throws {
        let folder = try folderWithPhoto()
        let outcome = try Program.run(["inspect", "photo.png"], in: folder)
        #expect(outcome.status == 0)
        #expect(outcome.output.isEmpty)
        #expect(outcome.errors == "cartoonize: photo.png: PNG, 16x16, no parameters inside\n")
    }

    // Progress

    @Test func plainProgressIsOneLinePerTenth() throws {
        let folder = try folderWithPhoto()
        let outcome = try Program.run(["photo.png", "--steps", "40"], in: folder)
        let percentages = outcome.errors.matches(of: /(\d+)% \(step (\d+) of 40/).map { Int($0.1) }
        #expect(percentages == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100])
        #expect(!outcome.errors.contains("\u{1B}") && !outcome.errors.contains("\r"))
    }

    @Test func quietSaysNothing() throws {
        let outcome = try Program.run(["photo.png", "--steps", "1", "--quiet"], in: folderWithPhoto())
        #expect(outcome.errors.isEmpty)
        #expect(outcome.outputText == "photo.cartoon.png\n")
    }

    @Test func terminalGetsABarThatGoesAway() throws {
        let folder = try folderWithPhoto()
        let outcome = try Program.runShell(
            "COLUMNS=60 script -qec '\"$program\" photo.png --steps 2' /dev/null", in: folder)
        #expect(outcome.status == 0)
        let text = outcome.outputText
        #expect(text.contains("2/2") && text.contains("ETA 0:00") && text.contains("[#"))
        #expect(text.hasSuffix("\r\u{1B}[Kphoto.cartoon.png\r\n"))
        // Each drawing stays within the width, so that it never wraps.
        let drawings = text.split(separator: "\u{1B}[K").compactMap { $0.split(separator: "\r").last }
        #expect(drawings.allSatisfy { !$0.contains("[#") || $0.count < 60 })
    }

    @Test func dumbTerminalGetsLines() throws {
        let folder = try folderWithPhoto()
        let outcome = try Program.runShell(
            "TERM=dumb script -qec '\"$program\" photo.png --steps 2' /dev/null", in: folder)
        #expect(outcome.outputText.contains("50% (step 1 of 2"))
        #expect(!outcome.outputText.contains("\u{1B}"))
    }

    @Test func guidanceOffIsSaidOnce() throws {
        let folder = try folderWithPhoto()
        let arguments = ["photo.png", "--steps", "1", "--count", "2", "--guidance", "5", "--image-guidance", "0.5"]
        let outcome = try Program.run(arguments, in: folder)
        #expect(outcome.errors.matches(of: /guidance off/).count == 1)
        #expect(outcome.errors.matches(of: /--guidance, --image-guidance has no effect/).count == 1)
        let on = try Program.run(
            ["photo.png", "--steps", "1", "--guidance", "5", "--force", "-o", "x.png"], in: folder)
        #expect(!on.errors.contains("guidance off"))
    }

    // Pictures

    @Test(arguments: ["ddim", "euler", "EulerAncestralDiscreteScheduler"])
    func sameSeedSameBytesWhateverTheThreads(sampler: String) throws {
        // The embedded model predicts samples, which Euler-ancestral refuses.
        let steps = ["photo.png", "--seed", "3", "--steps", "2", "-q"]
        let folder = try folderWithPhoto(width: 40, height: 24)
        let first = try Program.run(steps + ["-o", "1.png", "--threads", "1", "--sampler", sampler], in: folder)
        guard sampler != "EulerAncestralDiscreteScheduler" else {
            #expect(first.status == 2 && first.errorLines.count == 1, "\(first.status) \(first.errors)")
            #expect(folder.contents == ["photo.png"])
            return
        }
        #expect(first.status == 0, "\(first.errors)")
        _ = try Program.run(steps + ["-o", "2.png", "--threads", "2", "--sampler", sampler], in: folder)
        _ = try Program.run(steps + ["-o", "3.png", "--threads", "3", "--sampler", sampler], in: folder)
        #expect(try differences(folder.data("1.png"), folder.data("2.png")) == nil)
        #expect(try differences(folder.data("1.png"), folder.data("3.png")) == nil)
    }

    @Test(arguments: [(1, 1), (3, 5), (1, 40), (17, 9), (33, 32)])
    func anySizeComesBackAtItsSize(width: Int, height: Int) throws {
        let folder = try folderWithPhoto(width: width, height: height)
        let outcome = try Program.run(["photo.png", "--steps", "1", "-q"], in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let picture = try folder.picture("photo.cartoon.png")
        #expect(picture.width == width && picture.height == height)
    }

    @Test func sizeIsWorkedAtAndWritten() throws {
        let folder = try folderWithPhoto()
        let outcome = try Program.run(["photo.png", "--size", "33x17", "--steps", "1", "--json"], in: folder)
        // The embedded model's latents are at half resolution: sides are rounded down to even numbers.
        let report = try #require(reports(outcome).first)
        #expect(report.width == 32 && report.height == 16)
        #expect(outcome.errors.contains("32x16"))
        #expect(try folder.picture("photo.cartoon.png").width == 32)
    }

    @Test func pixelLimitReducesTheWork() throws {
        let folder = try folderWithPhoto(width: 64, height: 32)
        let outcome = try Program.run(["photo.png", "--max-pixels", "512", "--steps", "1"], in: folder)
        #expect(outcome.errors.contains("photo.png: 32x16, "))
        #expect(outcome.errors.contains("brought back to 64x32"))
        #expect(try folder.picture("photo.cartoon.png").width == 64)
    }

    /// The shorter side is enlarged to the least that the model takes; the limit holds all the same.
    @Test func pixelLimitHoldsForLongPictures() throws {
        let folder = try folderWithPhoto(width: 1, height: 300)
        let outcome = try Program.run(["photo.png", "--max-pixels", "100", "--steps", "1"], in: folder)
        #expect(outcome.errors.contains("photo.png: 2x50, "))
        #expect(try folder.picture("photo.cartoon.png").height == 300)
    }

    @Test func alphaAndColourProfileStay() throws {
        let folder = try TemporaryFolder()
        let alpha = (0..<16 * 16).map { UInt8($0) }
        let profile = ColourProfile.minimal
        let original = SamplePicture.gradient(width: 16, height: 16, alpha: alpha, iccProfile: profile)
        try folder.write("photo.png", original.png())
        #expect(try folder.picture("photo.png").iccProfile == profile)
        #expect(try Program.run(["photo.png", "--steps", "1", "--seed", "1", "-q"], in: folder).status == 0)
        let result = try folder.picture("photo.cartoon.png")
        #expect(result.alpha == alpha)
        #expect(result.iccProfile == profile)

        // The colours are those of the opaque picture; in a JPEG what is transparent is white.
        try folder.write("opaque.png", SamplePicture.png())
        _ = try Program.run(["opaque.png", "--steps", "1", "--seed", "1", "-q"], in: folder)
        #expect(try differences(folder.picture("opaque.cartoon.png").rgb, result.rgb) == nil)
        _ = try Program.run(["photo.png", "-o", "x.jpg", "--quality", "100", "--steps", "1", "-q"], in: folder)
        let corner = try folder.picture("x.jpg").rgb.prefix(3)
        #expect(corner.allSatisfy { $0 > 245 })
        #expect(try folder.picture("x.jpg").iccProfile == profile)
    }
}

/// ICC profiles small enough to write down.
enum ColourProfile {
    /// An RGB display profile with a text as its only tag, long enough for libpng, which takes no profile that it can
    /// compress to less than some hundred bytes.
    static let minimal: Data = {
        let text = Data("text\0\0\0\0".utf8) + Data((0..<176).map { UInt8(33 + $0 * 37 % 89) }) + Data(count: 4)
        var bytes = Data(count: 144) + text
        bytes.replaceSubrange(2..<4, with: [UInt8(bytes.count >> 8), UInt8(bytes.count & 255)])
        bytes.replaceSubrange(8..<12, with: [2, 0x40, 0, 0])
        bytes.replaceSubrange(12..<16, with: Data("mntr".utf8))
        bytes.replaceSubrange(16..<20, with: Data("RGB ".utf8))
        bytes.replaceSubrange(20..<24, with: Data("XYZ ".utf8))
        bytes.replaceSubrange(36..<40, with: Data("acsp".utf8))
        bytes.replaceSubrange(68..<80, with: [0, 0, 0xF6, 0xD6, 0, 1, 0, 0, 0, 0, 0xD3, 0x2D])
        bytes.replaceSubrange(128..<132, with: [0, 0, 0, 1])
        bytes.replaceSubrange(132..<136, with: Data("cprt".utf8))
        bytes.replaceSubrange(136..<144, with: [0, 0, 0, 144, 0, 0, 0, UInt8(text.count)])
        return bytes
    }()
}
