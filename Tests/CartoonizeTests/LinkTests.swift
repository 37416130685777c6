import Files
import Foundation
import Testing

/// Links that somebody planted where the program writes: what they lead to stays as it is.
struct LinkTests {
    private static let quick = ["--steps", "1", "--seed", "1", "--quiet"]
    private static let precious = Data("first line\nlast line without an end".utf8)

    /// A folder with a photo, `toons`, and a file that is not to change.
    private func folderWithVictim() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.write("photos/a.png", SamplePicture.png())
        try folder.write("victim", Self.precious)
        try FileManager.default.createDirectory(atPath: folder.path + "/toons", withIntermediateDirectories: true)
        return folder
    }

    private func plant(_ kind: String, at path: String, in folder: TemporaryFolder) throws {
        let (victim, place) = (folder.path + "/victim", folder.path + "/" + path)
        switch kind {
        case "symbolic": try #require(symlink(victim, place) == 0)
        case "hard": try #require(link(victim, place) == 0)
        default: try #require(mkfifo(place, 0o666) == 0)
        }
    }

    @Test(arguments: ["symbolic", "hard"]) func manifestIsNoLink(kind: String) throws {
        let folder = try folderWithVictim()
        try plant(kind, at: "toons/cartoonize.jsonl", in: folder)
        let outcome = try Program.run(["photos", "-o", "toons"] + Self.quick, in: folder)
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(try folder.data("victim") == Self.precious)
        var status = stat()
        #expect(lstat(folder.path + "/toons/cartoonize.jsonl", &status) == 0)
        #expect(status.st_mode & S_IFMT == S_IFREG && status.st_nlink == 1)
        #expect(try folder.data("toons/cartoonize.jsonl").split(separator: UInt8(ascii: "\n")).count == 1)
    }

    @Test func manifestIsNoPipe() throws {
        let folder = try folderWithVictim()
        try plant("pipe", at: "toons/cartoonize.jsonl", in: folder)
        let outcome = try Program.run(["photos", "-o", "toons"] + Self.quick, in: folder)
        #expect(outcome.status == 5 && outcome.errorLines.count == 1)
        #expect(outcome.errors.contains("toons/cartoonize.jsonl was no regular file"), "\(outcome.errors)")
        #expect(try Program.run(["photos", "-o", "toons"] + Self.quick, in: folder).status == 0)
    }

    /// Of another shard, a manifest is only read.
    @Test func anotherShardsPipeIsPassedOver() throws {
        let folder = try folderWithVictim()
        try plant("pipe", at: "toons/cartoonize.1-of-2.jsonl", in: folder)
        #expect(try Program.run(["photos", "-o", "toons"] + Self.quick, in: folder).status == 0)
    }

    @Test(arguments: ["symbolic", "hard"]) func replacingLeavesWhatALinkLeadsTo(kind: String) throws {
        let folder = try folderWithVictim()
        try plant(kind, at: "toons/a.cartoon.png", in: folder)
        chmod(folder.path + "/victim", 0o600)
        let outcome = try Program.run(["photos", "-o", "toons", "--force"] + Self.quick, in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try folder.data("victim") == Self.precious)
        #expect(try folder.picture("toons/a.cartoon.png").width == 16)
        var status = stat()
        #expect(lstat(folder.path + "/toons/a.cartoon.png", &status) == 0 && status.st_mode & S_IFMT == S_IFREG)
        #expect(stat(folder.path + "/victim", &status) == 0 && status.st_mode & 0o777 == 0o600)
    }

    @Test func modeOfWhatIsReplacedIsKept() throws {
        let folder = try folderWithVictim()
        try folder.write("out.png", Data("old".utf8))
        chmod(folder.path + "/out.png", 0o640)
        _ = try Program.run(["photos/a.png", "-o", "out.png", "--force"] + Self.quick, in: folder)
        var status = stat()
        #expect(stat(folder.path + "/out.png", &status) == 0 && status.st_mode & 0o777 == 0o640)
        #expect(try folder.picture("out.png").width == 16)
    }

    /// A seed file that is no small regular file is refused, and not waited for.
    @Test(arguments: ["pipe", "large"]) func seedFileIsSmallAndRegular(kind: String) throws {
        let folder = try folderWithVictim()
        if kind == "pipe" {
            try plant(kind, at: "toons/cartoonize.seed", in: folder)
        } else {
            try folder.write("toons/cartoonize.seed", Data())
            try #require(truncate(folder.path + "/toons/cartoonize.seed", 1 << 30) == 0)
        }
        let outcome = try Program.run(["photos", "-o", "toons", "-q", "--steps", "1"], in: folder)
        #expect(outcome.status == 5)
        #expect(outcome.errors.contains("toons/cartoonize.seed holds no seed"), "\(outcome.errors)")
    }

    /// What a killed process left goes with the next run; what another still writes does not.
    @Test func leftoversGoUnlessTheyAreInUse() throws {
        let folder = try folderWithVictim()
        let (dead, alive) = (TemporaryPaths.path(beside: "out.png"), TemporaryPaths.path(beside: "out.png"))
        for name in [dead, alive] { try folder.write(name, Data()) }
        let descriptor = open(folder.path + "/" + alive, O_RDONLY)
        try #require(flock(descriptor, LOCK_EX) == 0)
        defer { close(descriptor) }
        #expect(try Program.run(["photos/a.png", "-o", "out.png"] + Self.quick, in: folder).status == 0)
        #expect(folder.contents.filter { $0.hasSuffix(".partial") } == [FilePath(alive).name])
    }

    @Test func leftoverOfAConversionGoes() throws {
        let folder = try folderWithVictim()
        try folder.write(TemporaryPaths.path(beside: "model") + "/unet/weights", Data(count: 100))
        try folder.write(".model.mine.partial", Data())
        let source = Program.modelsFolder.appendingPathComponent("cartoonizer-mini").path
        #expect(try Program.run(["convert", source, "model", "-q"], in: folder).status == 0)
        #expect(folder.contents.filter { $0.hasPrefix(".") } == [".model.mine.partial"])
    }
}
