import Foundation
import ImageCodecs
import Testing

/// What the program writes and keeps, format by format.
struct FormatTests {
    private static let quick = ["--steps", "1", "--seed", "1", "--quiet"]

    private func folderWithPhoto(_ photo: Data? = nil) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.write("a.jpg", photo ?? SamplePicture.jpeg())
        return folder
    }

    /// The extension decides; the parameters come back by `inspect` and make the same picture again.
    @Test(arguments: ImageFormat.writable)
    func writesEveryFormat(format: ImageFormat) throws {
        guard (try? format.checkWritable()) != nil else { return }  // its library is not installed
        let folder = try folderWithPhoto()
        let name = "o." + format.fileExtension
        let outcome = try Program.run(["a.jpg", "-o", name, "-i", "漫画, \"café\""] + Self.quick, in: folder)
        #expect(outcome.status == 0 && outcome.outputText == name + "\n", "\(outcome.errors)")
        #expect(try ImageFormat(of: folder.data(name)) == format)
        let inspected = try Program.run(["inspect", name, "--json"], in: folder)
        #expect(inspected.outputText.contains("漫画, \\\"café\\\""), "\(inspected.outputText)")
        #expect(inspected.outputText.contains("\"format\":\"\(format.name)\""))
        let again = "again." + format.fileExtension
        let repeated = try Program.run(["a.jpg", "-o", again, "--params-from", name, "-q"], in: folder)
        #expect(repeated.status == 0, "\(repeated.errors)")
        #expect(try folder.picture(again).rgb == folder.picture(name).rgb)
    }

    @Test func metadataIsKeptUnlessItIsNotWanted() throws {
        var photo = try ImageFile.decode(SamplePicture.jpeg())
        photo.metadata.texts = [.artist: "Anna", .dateTimeOriginal: "2020:05:17 10:11:12"]
        photo.metadata.resolution = .init(across: 300, down: 300)
        let folder = try folderWithPhoto(photo.jpeg(quality: 90))
        for format in ["png", "jpg"] {
            #expect(try Program.run(["a.jpg", "-o", "k." + format] + Self.quick, in: folder).status == 0)
            #expect(try folder.picture("k." + format).metadata == photo.metadata)
            let without = ["a.jpg", "-o", "n." + format, "--metadata", "none"] + Self.quick
            #expect(try Program.run(without, in: folder).status == 0)
            #expect(try folder.picture("n." + format).metadata == ImageMetadata())
        }
    }

    @Test func damageIsNotedOrRefused() throws {
        let folder = try TemporaryFolder()
        try folder.write("a.png", SamplePicture.png().dropLast(12))
        let noted = try Program.run(["a.png", "-o", "o.png"] + Self.quick, in: folder)
        #expect(noted.status == 0)
        #expect(noted.errors == "cartoonize: note: a.png: its end is missing\n")
        let refused = try Program.run(["a.png", "-o", "p.png", "--strict"] + Self.quick, in: folder)
        #expect(refused.status == 4 && refused.errors.contains("a.png"), "\(refused.errors)")
        #expect(folder.contents == ["a.png", "o.png"])
    }

    /// EXIF in a JPEG holds no more than 64 KB: that is said before the model runs.
    @Test func parametersThatDoNotFitAreFoundFirst() throws {
        let folder = try folderWithPhoto()
        let instruction = String(repeating: "x ", count: 20_000)
        let outcome = try Program.run(["a.jpg", "-o", "o.jpg", "-i", instruction, "--dry-run"], in: folder)
        #expect(outcome.status == 5 && outcome.errors.contains("over 64 KB"), "\(outcome.errors.prefix(300))")
        #expect(try Program.run(["a.jpg", "-o", "o.png", "-i", instruction, "--dry-run"], in: folder).status == 0)
    }

    /// Text that anybody may have written is read in one bounded pass.
    @Test func parametersOfEndlessFieldsAreReadInTime() throws {
        var picture = try ImageFile.decode(SamplePicture.png())
        for field in [", a: b", ", a: \"\\", ", a: \"b\""] {
            picture.parameters = "x\nSteps: 1" + String(repeating: field, count: 600_000)
            let folder = try TemporaryFolder()
            try folder.write("a.png", picture.png())
            let start = ContinuousClock.now
            let outcome = try Program.run(["inspect", "--json", "a.png"], in: folder)
            #expect(outcome.status == 0 && outcome.outputText.contains("\"Steps\""), "\(field)")
            #expect(start.duration(to: .now) < .seconds(60))
        }
    }
}
