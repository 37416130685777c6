import Foundation
import TestSupport
import Testing

/// What a batch makes of pictures and photos that changed since it ran.
struct ResumingTests {
    private static let batch = ["photos", "-o", "toons", "--seed", "1", "--steps", "1"]

    private func finishedBatch(_ format: String = "png") throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for name in ["a", "b"] { try folder.write("photos/\(name).png", SamplePicture.png()) }
        #expect(try Program.run(Self.batch + ["--format", format], in: folder).status == 0)
        return folder
    }

    @Test(arguments: ["png", "jpg"]) func damagedPictureIsMadeAgain(format: String) throws {
        let folder = try finishedBatch(format)
        let (picture, name) = (try folder.data("toons/a.cartoon.\(format)"), "toons/a.cartoon.\(format)")
        // Of a JPEG without its end mark no pixel is missing.
        let shortened = picture.dropLast(format == "png" ? 1 : picture.count / 8)
        for damaged in [Data(), picture.prefix(100), shortened, Data(count: picture.count)] {
            try folder.write(name, damaged)
            let outcome = try Program.run(Self.batch + ["--format", format], in: folder)
            #expect(outcome.status == 0 && outcome.outputText == name + "\n", "\(outcome.errors)")
            #expect(outcome.errors.contains("\(name) is damaged; it is made again"))
            #expect(try folder.data(name) == picture)
        }
        try folder.write(name, picture.prefix(100))
        #expect(try Program.run(Self.batch + ["--format", format, "--skip-existing"], in: folder).outputText.isEmpty)
        #expect(try folder.data(name) == picture.prefix(100))
    }

    /// What somebody made of a picture is not thrown away.
    @Test func retouchedPictureStays() throws {
        let folder = try finishedBatch()
        let retouched = try SamplePicture.png(width: 20)
        try folder.write("toons/a.cartoon.png", retouched)
        let outcome = try Program.run(Self.batch, in: folder)
        #expect(outcome.status == 0 && outcome.outputText.isEmpty)
        #expect(outcome.errors.contains("toons/a.cartoon.png is not as it was made; it stays"), "\(outcome.errors)")
        #expect(try folder.data("toons/a.cartoon.png") == retouched)
        #expect(try Program.run(Self.batch + ["--force"], in: folder).outputText == "toons/a.cartoon.png\n")
    }

    /// A copy has another time and the same bytes.
    @Test func copiedPictureIsDone() throws {
        let folder = try finishedBatch()
        try folder.write("toons/a.cartoon.png", folder.data("toons/a.cartoon.png"))
        let outcome = try Program.run(Self.batch, in: folder)
        #expect(outcome.status == 0 && outcome.errors.contains("2 done before, 0 to make"), "\(outcome.errors)")
        #expect(!outcome.errors.contains("note"))
    }

    /// A camera's clock may be ahead; the manifest may be lost.
    @Test func photoFromTheFutureIsNoChangedPhoto() throws {
        let folder = try TemporaryFolder()
        let photo = try folder.write("photos/a.png", SamplePicture.png())
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: 1e8)], ofItemAtPath: photo.path)
        #expect(try Program.run(Self.batch, in: folder).status == 0)
        try FileManager.default.removeItem(atPath: folder.path + "/toons/cartoonize.jsonl")
        let outcome = try Program.run(Self.batch, in: folder)
        #expect(outcome.status == 0 && outcome.errors.contains("1 done before"), "\(outcome.errors)")
    }

    /// Names that look the same are two files all the same.
    @Test func composedAndDecomposedNamesAreTwo() throws {
        let folder = try TemporaryFolder()
        for name in ["\u{E9}", "e\u{301}"] {
            let path = folder.path + "/photos/" + name + ".png"
            try FileManager.default.createDirectory(
                atPath: folder.path + "/photos", withIntermediateDirectories: true)
            let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL, 0o666)
            let bytes = try SamplePicture.png()
            try #require(bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } == bytes.count)
            close(descriptor)
        }
        for done in [0, 2] {
            let outcome = try Program.run(Self.batch, in: folder)
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.outputText.split(separator: "\n").count == 2 - done)
        }
        #expect(try folder.data("toons/cartoonize.jsonl").split(separator: UInt8(ascii: "\n")).count == 2)
    }

    /// User, password and query of an address may be secrets.
    @Test func secretsAreNeitherPrintedNorKept() throws {
        let photo = try SamplePicture.png()
        let (server, folder) = (try TestServer { .file(photo, for: $0) }, try TemporaryFolder())
        let address = server.url.replacingOccurrences(of: "://", with: "://user:SECRET1@")
        let photos = ["\(address)/a.png?token=SECRET2", "\(address)/b.png?token=SECRET2"]
        let failing = ["http://user:SECRET1@[bad/c.png?token=SECRET2", "http://user:SECRET1@127.0.0.1:1/d.png?SECRET2"]
        let options = ["--steps", "1", "--seed", "1"]
        let outcomes = [
            try Program.run(photos + failing + ["-o", "toons", "--gallery", "-v"] + options, in: folder),
            try Program.run([photos[0], "-o", "a.png", "--json"] + options, in: folder),
            try Program.run([failing[0], "-o", "c.png", "--json"] + options, in: folder),
            try Program.run([photos[0], "-o", "d.png", "--json", "--dry-run"] + options, in: folder),
        ]
        #expect(outcomes.map(\.status) == [6, 0, 4, 0])
        for outcome in outcomes { #expect(!(outcome.outputText + outcome.errors).contains("SECRET")) }
        for file in folder.contents where !file.hasPrefix("home") && file.contains(".") {
            #expect(!String(decoding: try folder.data(file), as: UTF8.self).contains("SECRET"), "\(file)")
        }
    }
}
