import Foundation
import TestSupport
import Testing

/// Outputs that cannot be written: status 5, one line, and nothing lost or left behind.
struct OutputTests {
    /// Fast settings; what is tested here is not the picture.
    private static let quick = ["--steps", "1", "--seed", "1", "--quiet"]

    private func expectRefusal(
        _ arguments: [String], in folder: TemporaryFolder, saying message: String
    ) throws {
        let before = folder.contents
        let outcome = try Program.run(arguments + Self.quick, in: folder)
        #expect(outcome.status == 5)
        #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
        #expect(outcome.errors.contains(message), "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
        #expect(folder.contents == before)
    }

    private func folderWithPhoto() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.write("a.png", SamplePicture.png())
        return folder
    }

    @Test func existingFileIsKept() throws {
        let folder = try folderWithPhoto()
        try folder.write("a.cartoon.png", Data("precious".utf8))
        try expectRefusal(["a.png"], in: folder, saying: "a.cartoon.png exists; give --force")
        #expect(try folder.data("a.cartoon.png") == Data("precious".utf8))
    }

    @Test func existingFileOfASeriesIsKept() throws {
        let folder = try folderWithPhoto()
        try folder.write("b-3.png", Data("precious".utf8))
        let arguments = ["a.png", "-o", "b.png", "--count", "3", "--steps", "1", "--quiet", "--seed", "1"]
        let outcome = try Program.run(arguments, in: folder)
        #expect(outcome.status == 5)
        #expect(folder.contents == ["a.png", "b-3.png"])
    }

    @Test func danglingLinkIsKept() throws {
        let folder = try folderWithPhoto()
        try FileManager.default.createSymbolicLink(atPath: folder.path + "/b.png", withDestinationPath: "nowhere")
        try expectRefusal(["a.png", "-o", "b.png"], in: folder, saying: "b.png exists")
    }

    @Test(arguments: ["a.png", "./a.png", "hard.png", "soft.png"])
    func inputIsNeverReplaced(output: String) throws {
        let folder = try folderWithPhoto()
        let photo = try folder.data("a.png")
        try FileManager.default.linkItem(atPath: folder.path + "/a.png", toPath: folder.path + "/hard.png")
        try FileManager.default.createSymbolicLink(atPath: folder.path + "/soft.png", withDestinationPath: "a.png")
        try expectRefusal(["a.png", "-o", output, "--force"], in: folder, saying: "is the input itself")
        #expect(try differences(folder.data("a.png"), photo) == nil)
    }

    @Test func inputOnStandardInputIsNeverReplaced() throws {
        let folder = try folderWithPhoto()
        let outcome = try Program.run(
            ["-", "-o", "a.png", "--force"] + Self.quick, in: folder, input: folder.path + "/a.png")
        #expect(outcome.status == 5)
        #expect(outcome.errors.contains("is the input itself"))
    }

    @Test(arguments: [
        ("none/b.png", "no folder none"), ("a.png/b.png", "no folder a.png"),
    ])
    func missingFolderIsRefused(output: String, message: String) throws {
        try expectRefusal(["a.png", "-o", output], in: folderWithPhoto(), saying: message)
    }

    @Test func fullDeviceIsReported() throws {
        try expectRefusal(["a.png", "-o", "/dev/full"], in: folderWithPhoto(), saying: "/dev/full: No space left")
    }

    @Test func fullStandardOutputIsReported() throws {
        let folder = try folderWithPhoto()
        let outcome = try Program.runShell("$program a.png --steps 1 -q -o - > /dev/full", in: folder)
        #expect(outcome.status == 5)
        #expect(outcome.errors == "cartoonize: error: cannot write to standard output: No space left on device\n")
        #expect(folder.contents == ["a.png"])
    }

    /// The file cannot grow to the picture's size, as on a full disk: the half that was written goes away again.
    @Test func fileThatCannotGrowIsRemoved() throws {
        let folder = try TemporaryFolder()
        try folder.write("a.png", SamplePicture.png(width: 256, height: 256))
        let outcome = try Program.runShell("ulimit -f 4; $program a.png --steps 1 -q", in: folder)
        #expect(outcome.status == 5)
        #expect(outcome.errors == "cartoonize: error: cannot write a.cartoon.png: File too large\n")
        #expect(folder.contents == ["a.png"])
    }

    /// The picture takes five times the disk's room, whichever way the model draws it.
    @Test(.enabled(if: SmallDisk.isAvailable)) func fullDiskLeavesNothing() throws {
        let folder = try TemporaryFolder()
        try folder.write("a.png", SamplePicture.png(width: 256, height: 256))
        let outcome = try Program.runShell(
            SmallDisk.prefix + "mount -t tmpfs -o size=8k small disk && $program a.png -o disk/b.png --steps 1 -q; "
                + "status=$?; ls -A disk; exit $status'", in: folder)
        #expect(outcome.status == 5)
        #expect(outcome.errors == "cartoonize: error: cannot write disk/b.png: No space left on device\n")
        #expect(outcome.output.isEmpty)
    }

    @Test(.enabled(if: OtherUser.canRunProgram)) func folderWithoutPermissionIsRefused() throws {
        let folder = try folderWithPhoto()
        try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: folder.path)
        defer { try? FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path) }
        let outcome = try Program.runShell(OtherUser.prefix + "\"$program\" a.png -q", in: folder)
        #expect(outcome.status == 5)
        #expect(outcome.errors == "cartoonize: error: cannot write into the folder .: Permission denied\n")
        #expect(folder.contents == ["a.png"])
    }

    /// A file that somebody else writes while the picture is computed is kept, too.
    @Test func fileThatAppearsMeanwhileIsKept() throws {
        let folder = try folderWithPhoto()
        let running = try Program.launch(["a.png", "--steps", "40"], in: folder)
        try running.waitForErrors(containing: "10% (")
        try folder.write("a.cartoon.png", Data("precious".utf8))
        let outcome = try running.finish()
        #expect(outcome.status == 5)
        #expect(outcome.errors.contains("a.cartoon.png exists"))
        #expect(try folder.data("a.cartoon.png") == Data("precious".utf8))
        #expect(folder.contents == ["a.cartoon.png", "a.png"])
    }

    @Test func closedPipeEndsQuietly() throws {
        let folder = try folderWithPhoto()
        let outcome = try Program.runShell(
            "$program a.png --steps 1 -q -o - | true; echo ${PIPESTATUS[0]}", in: folder)
        #expect(outcome.outputText == "0\n")
        #expect(outcome.errors.isEmpty)
    }

    @Test func forceReplacesInOneStep() throws {
        let folder = try folderWithPhoto()
        try folder.write("b.png", Data("old".utf8))
        let outcome = try Program.run(["a.png", "-o", "b.png", "--force"] + Self.quick, in: folder)
        #expect(outcome.status == 0)
        #expect(try folder.picture("b.png").width == 16)
        #expect(folder.contents == ["a.png", "b.png"])
    }
}

/// A mount of a test's own, where the kernel allows one.
enum SmallDisk {
    /// What goes before a quoted command line to run it in mounts of its own, with the folder `disk`.
    static let prefix = "mkdir -p disk && unshare --mount --map-root-user bash -c '"

    static let isAvailable: Bool = {
        let outcome = try? Program.runShell(prefix + "mount -t tmpfs -o size=8k small disk'", in: TemporaryFolder())
        return outcome?.status == 0
    }()
}
