import Foundation
import Testing

/// Standard streams that are closed, full or left by their reader.
struct StandardStreamTests {
    private static let quick = "--steps 1 --seed 1"

    /// All ways to close some of the three, as a shell writes them.
    private static let closings: [String] = (0..<8).map { set in
        ["<&-", ">&-", "2>&-"].enumerated().filter { set >> $0.offset & 1 == 1 }.map(\.element).joined(separator: " ")
    }

    private func folderWithPhotos() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for name in ["a", "b"] { try folder.write("photos/\(name).png", SamplePicture.png()) }
        return folder
    }

    /// What is made is the same whatever is closed: no file of the program's own is taken for a stream.
    @Test(arguments: closings) func closedStreamsChangeNoFile(closing: String) throws {
        let folder = try folderWithPhotos()
        for (kind, streams) in [("open", ""), ("closed", closing)] {
            let runs = [
                "photos/a.png -o \(kind).png \(Self.quick)", "photos -o \(kind) \(Self.quick)",
                "convert \(Program.modelsFolder.path)/cartoonizer-mini \(kind)-model",
            ]
            for run in runs {
                let outcome = try Program.runShell("\"$program\" \(run) \(streams)", in: folder)
                #expect(outcome.status == 0, "\(run) \(streams): \(outcome.errors)")
            }
        }
        #expect(try folder.data("closed.png") == folder.data("open.png"))
        let (open, closed) = (
            folder.contents.filter { $0.hasPrefix("open") }, folder.contents.filter { $0.hasPrefix("closed") }
        )
        #expect(closed.map { $0.dropFirst("closed".count) } == open.map { $0.dropFirst("open".count) })
        for (file, same) in zip(open, closed) where !file.hasSuffix(".jsonl") && file.contains(".") {
            #expect(try folder.data(file) == folder.data(same), "\(file)")
        }
        let manifest = String(decoding: try folder.data("closed/cartoonize.jsonl"), as: UTF8.self)
        #expect(manifest.split(separator: "\n").allSatisfy { $0.hasPrefix("{") && $0.hasSuffix("}") })
    }

    /// A picture is neither read from nor written to a closed stream.
    @Test(arguments: [
        ("- -o out.png <&-", Int32(4), "cannot read standard input: it is closed"),
        ("photos/a.png -o - >&-", 5, "cannot write to standard output: it is closed"),
        ("--files-from - -o out <&-", 4, "standard input is closed"),
    ])
    func closedStreamIsNoFile(run: String, status: Int32, message: String) throws {
        let folder = try folderWithPhotos()
        let outcome = try Program.runShell("\"$program\" \(Self.quick) -q \(run)", in: folder)
        #expect(outcome.status == status)
        #expect(outcome.errorLines.count == 1 && outcome.errors.contains(message), "\(outcome.errors)")
        #expect(folder.contents == ["photos", "photos/a.png", "photos/b.png"])
    }

    /// A batch is finished although nobody reads what was made, and so are several pictures of a photo.
    @Test(arguments: ["photos -o out", "photos/a.png --count 3 -o out.png", "photos -o out --json"])
    func workIsFinishedWhenTheReaderLeaves(run: String) throws {
        let folder = try folderWithPhotos()
        let line = "set -o pipefail; \"$program\" \(run) \(Self.quick) -q | true"
        let outcome = try Program.runShell(line, in: folder)
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
        let pictures = folder.contents.filter { $0.hasPrefix("out") && $0.hasSuffix(".png") }
        #expect(pictures.count == (run.contains("--count") ? 3 : 2))
    }

    /// What was not printed is an error in the end, and the pictures are there.
    @Test func fullOutputIsReportedAfterTheWork() throws {
        let folder = try folderWithPhotos()
        let outcome = try Program.runShell("\"$program\" photos -o out \(Self.quick) -q > /dev/full", in: folder)
        #expect(outcome.status == 5)
        #expect(outcome.errorLines.count == 1 && outcome.errors.contains("cannot write to standard output"))
        #expect(folder.contents.filter { $0.hasSuffix(".cartoon.png") }.count == 2)
    }
}
