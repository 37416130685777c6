import Files
import Foundation
import ImageCodecs
import TestSupport
import Testing

/// Batches: which photos are taken, what is recorded, and how a batch goes on after a break.
struct BatchTests {
    /// Fast settings; what is tested here is not the picture.
    private static let quick = ["--steps", "1", "--quiet"]

    /// A line of the manifest.
    private struct Line: Decodable, Equatable {
        var input: String
        var output: String
        var seed: UInt64
        var error: String?
        // The names in the file.
        var exit_code: Int?  // swift-format-ignore: AlwaysUseLowerCamelCase
    }

    private func lines(_ name: String, in folder: TemporaryFolder) throws -> [Line] {
        try folder.data(name).split(separator: UInt8(ascii: "\n")).map {
            try JSONDecoder().decode(Line.self, from: Data($0))
        }
    }

    /// `photos/` with two pictures, one of them in a folder below, a broken one, and files that are no pictures.
    private func folderWithPhotos() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.write("photos/a.png", SamplePicture.png())
        try folder.write("photos/sub/b.jpg", SamplePicture.jpeg(width: 24))
        try folder.write("photos/broken.png", SamplePicture.png().prefix(60))
        try folder.write("photos/notes.txt", Data("text".utf8))
        try folder.write("photos/.hidden.png", SamplePicture.png())
        return folder
    }

    private func outputs(_ folder: TemporaryFolder, _ name: String = "toons") -> [String] {
        folder.contents.filter { $0.hasPrefix(name + "/") }
    }

    // Which photos

    @Test func folderIsMirrored() throws {
        let folder = try folderWithPhotos()
        let outcome = try Program.run(["photos", "-o", "toons", "-r", "--seed", "3"] + Self.quick, in: folder)
        #expect(outcome.status == 6)
        #expect(outcome.outputText == "toons/a.cartoon.png\ntoons/sub/b.cartoon.png\n")
        #expect(outcome.errorLines.count == 2)
        #expect(outcome.errors.contains("cannot read photos/broken.png: "))
        #expect(outcome.errors.hasSuffix("1 of 3 images failed; see toons/cartoonize.jsonl\n"))
        #expect(
            outputs(folder)
                == ["toons/a.cartoon.png", "toons/cartoonize.jsonl", "toons/sub", "toons/sub/b.cartoon.png"])
        let lines = try lines("toons/cartoonize.jsonl", in: folder)
        #expect(lines.map(\.input) == ["photos/a.png", "photos/broken.png", "photos/sub/b.jpg"])
        #expect(lines.map(\.output) == ["a.cartoon.png", "broken.cartoon.png", "sub/b.cartoon.png"])
        #expect(lines.map(\.seed) == [3, 3, 3])
        #expect(lines.map(\.exit_code) == [nil, 4, nil])
        // A picture of a batch is the picture of the photo alone.
        _ = try Program.run(["photos/sub/b.jpg", "-o", "b.png", "--seed", "3"] + Self.quick, in: folder)
        #expect(try differences(folder.data("b.png"), folder.data("toons/sub/b.cartoon.png")) == nil)
    }

    @Test func withoutRecursionOnlyTheFolderItselfIsRead() throws {
        let folder = try folderWithPhotos()
        let outcome = try Program.run(["photos", "-o", "toons/deep"] + Self.quick, in: folder)
        #expect(outcome.outputText == "toons/deep/a.cartoon.png\n")
    }

    @Test func imagesLieBesideThePhotosAndAreNotTakenForPhotos() throws {
        let folder = try folderWithPhotos()
        let first = try Program.run(["photos", "-r"] + Self.quick, in: folder)
        #expect(first.outputText == "photos/a.cartoon.png\nphotos/sub/b.cartoon.png\n")
        let contents = folder.contents
        // The manifest and the seed are in the user's state folder, not among the photos.
        #expect(!contents.contains { $0.hasPrefix("photos/cartoonize") })
        let state = contents.filter { $0.hasPrefix("home/.local/state/cartoonize/photos-") }
        #expect(state.count == 3 && state[1].hasSuffix("/cartoonize.jsonl") && state[2].hasSuffix("/cartoonize.seed"))
        let second = try Program.run(["photos", "-r"] + Self.quick, in: folder)
        #expect(second.outputText.isEmpty)
        #expect(folder.contents == contents)
    }

    /// By hand, in the working folder: pictures and nothing else, and the same command again has nothing to do.
    @Test func manifestIsInTheStateFolder() throws {
        let folder = try folderWithPhotos()
        let outside = try TemporaryFolder()
        for (name, environment) in [
            ("state", ["XDG_STATE_HOME": outside.path]), ("home", ["XDG_STATE_HOME": "relative"]),
        ] {
            let batch = ["photos/a.png", "photos/sub/b.jpg", "--format", name == "home" ? "jpeg" : "png"] + Self.quick
            let outcome = try Program.run(batch, in: folder, environment: environment)
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(!folder.contents.contains { $0.contains("cartoonize.") && !$0.hasPrefix("home/") })
            #expect(try Program.run(batch, in: folder, environment: environment).outputText.isEmpty)
        }
        #expect(outside.contents.contains { $0.hasPrefix("cartoonize/") && $0.hasSuffix("/cartoonize.jsonl") })
        // Without a folder of the user's, or shared by processes, it is beside the pictures.
        let shared = ["photos/a.png", "--shard", "1/1", "--force"] + Self.quick
        _ = try Program.run(shared, in: folder)
        #expect(folder.contents.contains("cartoonize.1-of-1.jsonl"))
    }

    @Test func patternsListsAndStrangeNamesAreRead() throws {
        let folder = try folderWithPhotos()
        try folder.write("photos/[x] é\n.png", SamplePicture.png())
        try folder.write("photos/no extension", SamplePicture.png())
        let pattern = try Program.run(["photos/*.png", "-o", "1"] + Self.quick, in: folder)
        #expect(pattern.status == 6)
        #expect(outputs(folder, "1").contains("1/[x] é\n.cartoon.png"))

        try folder.write("list", Data("photos/a.png\r\n\nphotos/sub/b.jpg\nphotos/a.png".utf8))
        let list = try Program.run(["--files-from", "list", "-o", "2"] + Self.quick, in: folder)
        #expect(list.status == 0)
        #expect(list.outputText == "2/a.cartoon.png\n2/b.cartoon.png\n")

        try folder.write("nul", Data("photos/[x] é\n.png\0photos/no extension\0".utf8))
        let nul = try Program.run(
            ["--files-from", "-", "-o", "3"] + Self.quick, in: folder, input: folder.path + "/nul")
        #expect(nul.status == 0, "\(nul.errors)")
        #expect(outputs(folder, "3").contains("3/[x] é\n.cartoon.png"))

        let all = try Program.run(["photos", "-o", "4"] + Self.quick, in: folder)
        #expect(all.outputText.contains("4/no extension.cartoon.png"))
    }

    @Test func filesThatVanishAreReported() throws {
        let folder = try folderWithPhotos()
        let outcome = try Program.run(["none.png", "photos/a.png", "-o", "toons"] + Self.quick, in: folder)
        #expect(outcome.status == 6)
        #expect(outcome.outputText == "toons/a.cartoon.png\n")
        #expect(try lines("toons/cartoonize.jsonl", in: folder).map(\.exit_code) == [4, nil])
    }

    // What is refused before anything is made

    /// As a camera's raw file and its JPEG, or the same photo in two formats.
    @Test func secondOfTwoPhotosWithOneNameKeepsItsExtension() throws {
        let folder = try TemporaryFolder()
        try folder.write("photos/a.png", SamplePicture.png())
        try folder.write("photos/a.jpg", SamplePicture.jpeg())
        let arguments = ["photos", "-o", "toons"] + Self.quick
        let outcome = try Program.run(arguments, in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.outputText == "toons/a.cartoon.png\ntoons/a.png.cartoon.png\n")
        #expect(try Program.run(arguments, in: folder).outputText.isEmpty)
    }

    @Test func twoPhotosThatCannotBeToldApartAreFoundFirst() throws {
        let folder = try TemporaryFolder()
        try folder.write("one/a.png", SamplePicture.png())
        try folder.write("two/a.png", SamplePicture.png())
        try folder.write("three/a.png", SamplePicture.png())
        for name in ["one", "two", "three"] { try folder.write(name + "/b.png", SamplePicture.png()) }
        let outcome = try Program.run(
            ["one/a.png", "two/a.png", "three/a.png", "one/b.png", "two/b.png", "three/b.png", "-o", "toons"]
                + Self.quick, in: folder)
        #expect(outcome.status == 5)
        #expect(outcome.errors.contains("two/a.png and three/a.png would both become toons/a.png.cartoon.png"))
        #expect(outcome.errors.contains(", two/b.png and three/b.png toons/b.png.cartoon.png; rename one of each"))
        #expect(outputs(folder).isEmpty)
    }

    /// A folder's files of formats that need a library count as photos, which fail with a sentence, not as other files.
    @Test func whatCannotBeReadIsNotLeftOut() throws {
        let folder = try TemporaryFolder()
        try folder.write("photos/b.HEIC", Data("\0\0\0\u{18}ftypheic\0\0\0\0mif1heic".utf8) + Data(count: 200))
        try folder.write("photos/a.png", SamplePicture.png())
        let outcome = try Program.run(["photos", "-o", "toons"] + Self.quick, in: folder)
        #expect(outcome.status == 6)
        #expect(outcome.outputText == "toons/a.cartoon.png\n")
        #expect(outcome.errors.contains("photos/b.HEIC") && outcome.errors.contains("HEIC"))
        #expect(try lines("toons/cartoonize.jsonl", in: folder).map(\.exit_code) == [nil, 4])
    }

    /// Nor are pictures of kinds that are never read; what is no picture is.
    @Test func picturesOfOtherKindsAreReportedAndFilmsLeftOut() throws {
        let folder = try TemporaryFolder()
        try folder.write("photos/a.png", SamplePicture.png())
        try folder.write("photos/layers.psd", Data("8BPS\0\u{1}".utf8) + Data(count: 200))
        try folder.write("photos/film.mp4", Data("\0\0\0\u{18}ftypisom\0\0\0\0mp41isom".utf8) + Data(count: 200))
        let outcome = try Program.run(["photos", "-o", "toons"] + Self.quick, in: folder)
        #expect(outcome.status == 6)
        #expect(outcome.errors.contains("photos/layers.psd") && outcome.errors.contains("a Photoshop document"))
        #expect(!outcome.errors.contains("film.mp4"))
    }

    @Test func inputsAreNeverReplaced() throws {
        let folder = try folderWithPhotos()
        try folder.write("photos/a.cartoon.png", SamplePicture.png())
        let outcome = try Program.run(
            ["photos/a.png", "photos/a.cartoon.png", "--force"] + Self.quick, in: folder)
        #expect(outcome.status == 5)
        #expect(outcome.errors.contains("photos/a.cartoon.png is one of the inputs"))
    }

    @Test func otherSettingsDoNotReplace() throws {
        let folder = try folderWithPhotos()
        let batch = ["photos", "-o", "toons", "--seed", "1"] + Self.quick
        _ = try Program.run(batch, in: folder)
        let before = try folder.data("toons/a.cartoon.png")
        let refused = try Program.run(batch + ["-i", "Turn it into a sketch"], in: folder)
        #expect(refused.status == 5)
        #expect(refused.errors.contains("toons/a.cartoon.png exists, made otherwise"))
        let kept = try Program.run(batch + ["-i", "Turn it into a sketch", "--skip-existing"], in: folder)
        #expect(kept.status == 6 && kept.outputText.isEmpty)
        #expect(try differences(folder.data("toons/a.cartoon.png"), before) == nil)
        let forced = try Program.run(batch + ["-i", "Turn it into a sketch", "--force"], in: folder)
        #expect(forced.outputText == "toons/a.cartoon.png\n")
        #expect(try folder.data("toons/a.cartoon.png") != before)
        // What was replaced is done; the same command again has nothing to do.
        let again = try Program.run(batch + ["-i", "Turn it into a sketch", "--force"], in: folder)
        #expect(again.outputText.isEmpty)
    }

    @Test func failFastStops() throws {
        let folder = try folderWithPhotos()
        let outcome = try Program.run(["photos", "-r", "-o", "toons", "--fail-fast"] + Self.quick, in: folder)
        #expect(outcome.status == 6)
        #expect(outcome.outputText == "toons/a.cartoon.png\n")
        #expect(outcome.errors.contains("stopped at the first failure"))
    }

    // Going on

    @Test func goesOnWithTheStoredSeed() throws {
        let folder = try folderWithPhotos()
        let batch = ["photos", "-r", "-o", "toons"] + Self.quick
        _ = try Program.run(batch, in: folder)
        let manifest = try lines("toons/cartoonize.jsonl", in: folder)
        let picture = try folder.data("toons/a.cartoon.png")
        // As after a kill: the last line is torn, a picture has no line, another was not made, one is half written.
        var bytes = try folder.data("toons/cartoonize.jsonl")
        bytes = bytes.prefix((bytes.firstIndex(of: UInt8(ascii: "\n")) ?? 0) + 30)
        try folder.write("toons/cartoonize.jsonl", bytes.suffix(30))
        try FileManager.default.removeItem(atPath: folder.path + "/toons/sub/b.cartoon.png")
        let outcome = try Program.run(batch, in: folder)
        #expect(outcome.outputText == "toons/sub/b.cartoon.png\n")
        #expect(try lines("toons/cartoonize.jsonl", in: folder) == manifest)
        #expect(try differences(folder.data("toons/a.cartoon.png"), picture) == nil)
    }

    /// A kill between giving a picture its name and taking the temporary one away leaves two names of a picture that is done.
    @Test func leftoverOfADonePictureGoes() throws {
        let folder = try folderWithPhotos()
        let batch = ["photos", "-o", "toons", "--seed", "1"] + Self.quick
        _ = try Program.run(batch, in: folder)
        let before = folder.contents
        let name = "a.cartoon.png"
        try folder.write(TemporaryPaths.path(beside: "toons/" + name), folder.data("toons/" + name))
        // Somebody else's stays.
        try folder.write("toons/.\(name).other-1.partial", Data())
        _ = try Program.run(batch, in: folder)
        #expect(folder.contents == (before + ["toons/.\(name).other-1.partial"]).sorted())
    }

    @Test func changedPhotoIsNotTakenForDone() throws {
        let folder = try folderWithPhotos()
        let batch = ["photos", "-o", "toons", "--seed", "1"] + Self.quick
        _ = try Program.run(batch, in: folder)
        try folder.write("photos/a.png", SamplePicture.png(width: 20))
        #expect(try Program.run(batch, in: folder).status == 5)
        #expect(try Program.run(batch + ["--force"], in: folder).outputText == "toons/a.cartoon.png\n")
        #expect(try folder.picture("toons/a.cartoon.png").width == 20)
    }

    /// Another model under the same name: its pictures are others.
    @Test(arguments: ["unet/diffusion_pytorch_model.safetensors", "scheduler/scheduler_config.json"])
    func changedModelIsNotTakenForTheSame(file: String) throws {
        let folder = try TemporaryFolder()
        try folder.write("photos/a.png", SamplePicture.png())
        let model = try folder.makeModel().appendingPathComponent(file)
        let batch = ["photos", "-o", "toons", "--seed", "1", "-m", "./model"] + Self.quick
        #expect(try Program.run(batch, in: folder).outputText == "toons/a.cartoon.png\n")
        #expect(try Program.run(batch, in: folder).outputText.isEmpty)
        let hash = try #require(
            try folder.picture("toons/a.cartoon.png").parameters?.firstMatch(of: /Model hash: (\w{10})/))
        var bytes = [UInt8](try Data(contentsOf: model))
        if file.hasSuffix(".json") {
            bytes.append(UInt8(ascii: " "))
        } else {
            // The last digits of the last tensors' values, as a little training would.
            for index in bytes.indices.suffix(100_000) { bytes[index] ^= 1 }
        }
        try FileManager.default.removeItem(at: model)
        try Data(bytes).write(to: model)
        let refused = try Program.run(batch, in: folder)
        #expect(refused.status == 5)
        #expect(refused.errors.contains("toons/a.cartoon.png exists, made otherwise"))
        // The same when a kill lost the line.
        try FileManager.default.removeItem(atPath: folder.path + "/toons/cartoonize.jsonl")
        #expect(try Program.run(batch, in: folder).status == 5)
        #expect(try Program.run(batch + ["--force"], in: folder).outputText == "toons/a.cartoon.png\n")
        #expect(try folder.picture("toons/a.cartoon.png").parameters?.contains(hash.output.1) == false)
    }

    @Test func secondProcessIsKeptOff() throws {
        let folder = try folderWithPhotos()
        let running = try Program.launch(
            ["photos/a.png", "-o", "toons", "--steps", "1000", "--shard", "1/1"], in: folder)
        try running.waitForErrors(containing: "seed")
        let second = try Program.run(["photos/a.png", "-o", "toons", "--shard", "1/1"] + Self.quick, in: folder)
        #expect(second.status == 5)
        #expect(second.errors.contains("another cartoonize is at work on toons/cartoonize.1-of-1.jsonl"))
        kill(running.process.processIdentifier, SIGTERM)
        #expect(try running.finish().status == 143)
    }

    @Test func shardsAreExact() throws {
        let folder = try TemporaryFolder()
        for index in 0..<7 { try folder.write("photos/\(index).png", SamplePicture.png(width: 16 + index)) }
        var made: [Substring] = []
        for shard in 1...3 {
            let outcome = try Program.run(["photos", "-o", "toons", "--shard", "\(shard)/3"] + Self.quick, in: folder)
            #expect(outcome.status == 0)
            made += outcome.outputText.split(separator: "\n")
        }
        #expect(made.sorted() == (0..<7).map { "toons/\($0).cartoon.png" })
        let seeds = try (1...3).flatMap { try lines("toons/cartoonize.\($0)-of-3.jsonl", in: folder).map(\.seed) }
        #expect(Set(seeds).count == 1 && seeds.count == 7)
        // The shards' files are read together.
        #expect(try Program.run(["photos", "-o", "toons"] + Self.quick, in: folder).outputText.isEmpty)
    }

    // What else is written

    @Test func dryRunWritesNothing() throws {
        let folder = try folderWithPhotos()
        let contents = folder.contents
        let outcome = try Program.run(["photos", "-r", "-o", "toons", "--dry-run"], in: folder)
        #expect(outcome.status == 6)
        #expect(outcome.outputText == "toons/a.cartoon.png\ntoons/sub/b.cartoon.png\n")
        #expect(outcome.errors.contains("3 images, 3 to make, 1 other file left out"))
        #expect(folder.contents == contents)
    }

    @Test func comparisonShowsBoth() throws {
        let folder = try TemporaryFolder()
        try folder.write("a.png", SamplePicture.png(width: 20))
        let arguments = ["a.png", "--seed", "2", "--compare", "-o", "both.png"] + Self.quick
        #expect(try Program.run(arguments, in: folder).status == 0)
        _ = try Program.run(["a.png", "--seed", "2", "-o", "alone.png"] + Self.quick, in: folder)
        let (both, photo, alone) = (
            try folder.picture("both.png"), try folder.picture("a.png"), try folder.picture("alone.png")
        )
        #expect(both.width == 40 && both.height == 16)
        var rows: [UInt8] = []
        for row in 0..<16 {
            rows += photo.rgb[row * 60..<(row + 1) * 60]
            rows += alone.rgb[row * 60..<(row + 1) * 60]
        }
        #expect(differences(both.rgb, rows) == nil)
        #expect(both.parameters == alone.parameters)
    }

    @Test func previewsAreWritten() throws {
        let folder = try TemporaryFolder()
        try folder.write("a.png", SamplePicture.png(width: 20))
        #expect(try Program.run(["a.png", "--steps", "5", "--preview", "2", "-q"], in: folder).status == 0)
        #expect(folder.contents == ["a.cartoon.png", "a.cartoon.step-2.png", "a.cartoon.step-4.png", "a.png"])
        #expect(try folder.picture("a.cartoon.step-4.png").width == 20)
    }

    @Test func galleryHoldsAllAndNeedsNothing() throws {
        let folder = try folderWithPhotos()
        try folder.write("photos/<b>&\".png", SamplePicture.png())
        _ = try Program.run(["photos", "-r", "-o", "toons", "--gallery"] + Self.quick, in: folder)
        let page = String(decoding: try folder.data("toons/cartoonize.html"), as: UTF8.self)
        #expect(page.matches(of: /data:image\/jpeg;base64,/).count == 6)
        #expect(page.contains("&lt;b&gt;&amp;&quot;.cartoon.png") && !page.contains("<b>"))
        #expect(!page.contains("http") && !page.contains("src=\"toons"))
        #expect(page.contains("<title>Before and after</title>") && page.contains("prefers-color-scheme: dark"))
    }

    /// Of many photos a browser loads what comes into view, from files beside the page.
    @Test func galleryOfManyHasFilesBeside() throws {
        let folder = try TemporaryFolder()
        for index in 0..<30 { try folder.write("photos/\(index).png", SamplePicture.png(width: 16 + index)) }
        let batch = ["photos", "-o", "toons", "--gallery", "--size", "16x16"] + Self.quick
        #expect(try Program.run(batch, in: folder).status == 0)
        let page = String(decoding: try folder.data("toons/cartoonize.html"), as: UTF8.self)
        let sources = page.matches(of: /loading="lazy" src="([^"]*)"/).map { String($0.1) }
        #expect(sources.count == 60 && Set(sources).count == 60 && !page.contains("data:"))
        for source in sources { #expect(try folder.picture("toons/" + source).width > 0) }
        // They are no photos of the next run.
        let again = try Program.run(["toons", "-r", "--dry-run"] + Self.quick, in: folder)
        #expect(!again.outputText.contains("files"))
    }

    @Test(arguments: ["png", "jpg"]) func settingsAreTakenFromAnImage(kind: String) throws {
        let folder = try folderWithPhotos()
        _ = try Program.run(
            ["photos/a.png", "-o", "made.\(kind)", "--seed", "77", "--sampler", "euler", "-i", "Sketch, \"soft\": yes"]
                + ["--guidance", "2.5"] + Self.quick, in: folder)
        let again = try Program.run(
            ["photos/a.png", "-o", "again.\(kind)", "-q", "--params-from", "made.\(kind)"], in: folder)
        #expect(again.status == 0, "\(again.errors)")
        #expect(try differences(folder.data("again.\(kind)"), folder.data("made.\(kind)")) == nil)
        // Options come first.
        _ = try Program.run(
            ["photos/a.png", "-o", "other.png", "-q", "--params-from", "made.\(kind)", "--seed", "78"], in: folder)
        #expect(try folder.picture("other.png").parameters?.contains("Seed: 78") == true)
        let none = try Program.run(["photos/a.png", "--params-from", "photos/a.png"], in: folder)
        #expect(none.status == 4 && none.errors.contains("no parameters inside photos/a.png"))
    }

    @Test func settingsOfAnotherProgramAreTaken() throws {
        let folder = try folderWithPhotos()
        let parameters = "a sketch\nNegative prompt: blurry\nSteps: 3, Sampler: DPM++ 2M, Schedule type: Karras, "
        func write(_ rest: String) throws {
            var picture = SamplePicture.gradient(width: 16, height: 16)
            picture.parameters = parameters + rest
            try folder.write("other.png", picture.png())
        }
        try write("CFG scale: 1.5, Seed: 5, Size: 512x512")
        let outcome = try Program.run(["photos/a.png", "--params-from", "other.png", "--json", "-q"], in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.outputText.contains("\"sampler\":\"dpm++-2m-karras\""))
        #expect(outcome.outputText.contains("\"negative\":\"blurry\"") && outcome.outputText.contains("\"seed\":5,"))
        for (rest, reason) in [
            ("Seed: many", "Seed is 'many'"), ("CFG scale: 5000", "--guidance takes"),
            ("Seed: 5, Model: none", "no model"),
        ] {
            try write(rest)
            let refused = try Program.run(["photos/a.png", "--params-from", "other.png", "--force"], in: folder)
            #expect((3...4).contains(refused.status) && refused.errorLines.count == 1)
            #expect(refused.errors.contains(reason), "\(refused.errors)")
        }
    }
}
