import Foundation
import Testing

/// `cartoonize watch`: photos are made as they come, whole ones only, until a signal stops it.
struct WatchTests {
    private static let quick = ["--steps", "1", "--seed", "1"]

    /// Waits until there is a file, a minute at most.
    private func expect(_ name: String, in folder: TemporaryFolder) throws {
        let deadline = Date(timeIntervalSinceNow: 60)
        while !folder.contents.contains(name), Date() < deadline { usleep(20_000) }
        try #require(folder.contents.contains(name), "\(folder.contents)")
    }

    @Test(arguments: [SIGINT, SIGTERM]) func photosAreMadeAsTheyCome(signal: Int32) throws {
        let folder = try TemporaryFolder()
        try folder.write("in/a.png", SamplePicture.png())
        let running = try Program.launch(["watch", "in", "-o", "out"] + Self.quick, in: folder)
        try expect("out/a.cartoon.png", in: folder)
        try folder.write("in/a.jpg", SamplePicture.jpeg())
        try expect("out/a.jpg.cartoon.png", in: folder)
        // Written slowly: nothing is made of a part.
        let whole = try SamplePicture.png(width: 64, height: 64)
        let path = folder.path + "/in/slow.png"
        #expect(FileManager.default.createFile(atPath: path, contents: nil))
        let file = try #require(FileHandle(forWritingAtPath: path))
        try file.write(contentsOf: whole.prefix(200))
        usleep(2_500_000)
        #expect(!folder.contents.contains("out/slow.cartoon.png"))
        try file.write(contentsOf: whole.dropFirst(200))
        try file.close()
        try expect("out/slow.cartoon.png", in: folder)
        // Under another name until it is whole.
        try folder.write("in/moved.png.part", SamplePicture.png())
        try FileManager.default.moveItem(
            atPath: folder.path + "/in/moved.png.part", toPath: folder.path + "/in/moved.png")
        try expect("out/moved.cartoon.png", in: folder)
        kill(running.process.processIdentifier, signal)
        let outcome = try running.finish()
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(!outcome.errors.contains("error"), "\(outcome.errors)")
        #expect(outcome.outputText.split(separator: "\n").count == 4)
        let lines = try folder.data("out/cartoonize.jsonl").split(separator: UInt8(ascii: "\n"))
        #expect(lines.count == 4)
        #expect(!folder.contents.contains { $0.hasSuffix(".partial") })
    }

    @Test func goesOnAfterAFailureAndLater() throws {
        let folder = try TemporaryFolder()
        try folder.write("in/a.png", SamplePicture.png().prefix(60))
        try folder.write("in/b.png", SamplePicture.png())
        let arguments = ["watch", "in", "-o", "out"] + Self.quick
        let first = try Program.launch(arguments, in: folder)
        try expect("out/b.cartoon.png", in: folder)
        try first.waitForErrors(containing: "cannot read in/a.png")
        // A photo that was fixed is tried again.
        try folder.write("in/a.png", SamplePicture.png())
        try expect("out/a.cartoon.png", in: folder)
        kill(first.process.processIdentifier, SIGTERM)
        let ended = try first.finish()
        #expect(ended.status == 6 && ended.errors.hasSuffix(" made, 1 failed\n"), "\(ended.errors)")
        // What is made is not made again. (A signal may come before the path is printed.)
        let second = try Program.launch(arguments, in: folder)
        try folder.write("in/c.png", SamplePicture.png())
        try expect("out/c.cartoon.png", in: folder)
        kill(second.process.processIdentifier, SIGINT)
        let outcome = try second.finish()
        #expect(outcome.status == 0 && ["", "out/c.cartoon.png\n"].contains(outcome.outputText), "\(outcome.errors)")
    }

    @Test func folderThatGoesEndsIt() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path + "/in", withIntermediateDirectories: true)
        let running = try Program.launch(["watch", "in", "-o", "out"] + Self.quick, in: folder)
        try running.waitForErrors(containing: "watching in")
        try FileManager.default.removeItem(atPath: folder.path + "/in")
        let outcome = try running.finish()
        #expect(outcome.status == 4 && outcome.errors.contains("the folder in is gone"), "\(outcome.errors)")
    }

    @Test(arguments: [
        (["in"], "needs a folder for the images"), (["none", "-o", "out"], "takes one folder"),
        (["in", "in", "-o", "out"], "takes one folder"), (["in", "-o", "in"], "that it does not watch"),
        (["in", "-r", "-o", "in/out"], "that it does not watch"), (["in", "-o", "-"], "needs a folder"),
        (["in", "-o", "out", "--dry-run"], "goes without"),
    ])
    func whatCannotBeWatchedIsRefused(arguments: [String], message: String) throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path + "/in", withIntermediateDirectories: true)
        let outcome = try Program.run(["watch"] + arguments, in: folder)
        #expect(outcome.status == 2 && outcome.errors.contains(message), "\(outcome.errors)")
        #expect(folder.contents == ["in"])
    }
}
