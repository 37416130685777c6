import Files
import Foundation
import ImageCodecs
import Testing

@testable import cartoonize

/// Names of files, as strange as systems have them.
struct NameTests {
    private static let quick = ["--steps", "1", "--seed", "1", "--quiet"]

    @Test(arguments: [
        Array("a/é漫.png".utf8), [0x4D, 0xFC, 0x6C], [0xFF], [0xE6, 0xBC], [0xC3, 0x28, 0xC3], [0xF4, 0x8F, 0xBF, 0xBF],
        [0xF4, 0x8F, 0xBE, 0x80, 0xFC, 0x41], [0xED, 0xA0, 0x80],
    ])
    func everyNameHasItsOwnString(bytes: [UInt8]) {
        let string = SystemPath.string(bytes)
        #expect(SystemPath.bytes(string) == bytes)
        #expect((string == String(decoding: bytes, as: UTF8.self)) == (bytes.first == UInt8(ascii: "a")))
    }

    @Test func namesNeedNotBeUnicode() throws {
        let folder = try TemporaryFolder()
        try folder.write("a.png", SamplePicture.png())
        let steps = [
            "mkdir p && cp a.png $'p/M\\xfcller.png'",
            "\"$program\" $'p/M\\xfcller.png' -q --steps 1 | od -An -c | tr -d ' \\n' | grep -qF 'M374ller.cartoon.png'",
            "\"$program\" p -o $'o\\xff' -q --steps 1 > /dev/null && test -s $'o\\xff/M\\xfcller.cartoon.png'",
            "test -z \"$(\"$program\" p -o $'o\\xff' -q --steps 1)\"",
            "printf 'p/M\\xfcller.png\\n' | \"$program\" --files-from - -o 2 -q --steps 1 > /dev/null",
            "test -s $'2/M\\xfcller.cartoon.png'",
            "(\"$program\" $'p/n\\xfc.png' 2>&1 || true) | grep -qF 'p/n\\xfc.png: No such file'",
        ]
        for step in steps {
            let outcome = try Program.runShell("set -o pipefail; " + step, in: folder)
            #expect(outcome.status == 0, "\(step): \(outcome.errors)")
        }
    }

    @Test(arguments: ["utf8", "utf16le", "utf16be"]) func listsWithAByteOrderMarkAreRead(encoding: String) throws {
        let folder = try TemporaryFolder()
        try folder.write("é.png", SamplePicture.png())
        try folder.write("b.png", SamplePicture.png())
        let text = "\u{FEFF}é.png\r\nb.png\r\n"
        let data: Data? =
            switch encoding {
            case "utf8": Data(text.utf8)
            case "utf16le": text.data(using: .utf16LittleEndian)
            default: text.data(using: .utf16BigEndian)
            }
        try folder.write("list", #require(data))
        let outcome = try Program.run(["--files-from", "list", "-o", "o"] + Self.quick, in: folder)
        #expect(outcome.outputText == "o/é.cartoon.png\no/b.cartoon.png\n", "\(outcome.errors)")
    }

    @Test func overlongNamesAreFoundBeforeTheWork() throws {
        let folder = try TemporaryFolder()
        let name = String(repeating: "x", count: 246) + ".png"
        try folder.write("p/" + name, SamplePicture.png())
        try folder.write("p/b.png", SamplePicture.png())
        let alone = try Program.run(["p/" + name, "--steps", "1000"], in: folder)
        #expect(alone.status == 5 && alone.errors.contains("would have 258 bytes"), "\(alone.errors)")
        #expect(!alone.errors.contains("%"))
        #expect(try Program.run(["p", "-o", "o", "--dry-run"], in: folder).status == 6)
        let batch = try Program.run(["p", "-o", "o"] + Self.quick, in: folder)
        #expect(batch.status == 6 && batch.outputText == "o/b.cartoon.png\n")
    }

    @Test func streamsHaveNoName() throws {
        let folder = try TemporaryFolder()
        try folder.write("a.png", SamplePicture.png())
        for photo in ["/dev/stdin", "/proc/self/fd/0", "/dev/fd/0"] {
            let outcome = try Program.run([photo] + Self.quick, in: folder, input: folder.path + "/a.png")
            #expect(outcome.status == 2 && outcome.errors.contains("has no name"), "\(outcome.errors)")
        }
        let named = try Program.run(
            ["/dev/stdin", "-o", "o.png"] + Self.quick, in: folder, input: folder.path + "/a.png")
        #expect(named.outputText == "o.png\n", "\(named.errors)")
    }

    /// Wide characters and marks, as `wcwidth` and Unicode's EastAsianWidth.txt have them.
    @Test(arguments: [
        ("photo.jpg", 9), ("日本語", 6), ("e\u{301}", 1), ("한글", 4), ("ﾃｽﾄ", 3), ("ＡＢ", 4), ("😀", 2), ("𠮷", 2), ("", 0),
    ])
    func columnsAreThoseOfTerminals(text: String, count: Int) {
        #expect(columns(of: text) == count)
    }

    @Test(arguments: [20, 40, 80, 200]) func barsFitTheTerminal(width: Int) {
        for label in ["日本語の写真とても長い名前のファイルですよ.jpg", "a.jpg", String(repeating: "한", count: 300)] {
            let bar = ProgressDisplay.bar(label: label, fraction: 0.5, details: "1/20  0:03  ETA 0:10", columns: width)
            #expect(columns(of: bar) < width, "\(bar)")
        }
    }

    /// A pattern may match one photo or many: the same command, the same places.
    @Test func outputsDoNotDependOnTheNumberOfPhotos() throws {
        let folder = try TemporaryFolder()
        try folder.write("p/1.png", SamplePicture.png())
        for output in ["o", "new/o/", "deep/o"] {
            let line = "\"$program\" p/*.png -o \(output) --seed 1 -q --steps 1"
            let outcome = try Program.runShell(line, in: folder)
            #expect(outcome.outputText == FilePath(output).appending("1.cartoon.png") + "\n", "\(outcome.errors)")
            let again = try Program.runShell(line, in: folder)
            #expect(again.status == 0 && again.outputText.isEmpty, "\(again.errors)")
        }
        try folder.write("p/2.png", SamplePicture.png())
        let both = try Program.runShell("\"$program\" p/*.png -o o2 --seed 1 -q --steps 1", in: folder)
        #expect(both.outputText == "o2/1.cartoon.png\no2/2.cartoon.png\n")
        let quoted = try Program.runShell("\"$program\" 'p/1*.png' -o o3.d -q --steps 1", in: folder)
        #expect(quoted.outputText == "o3.d/1.cartoon.png\n", "\(quoted.errors)")
        let none = try Program.run(["p/*.jpg", "-o", "o4.png"] + Self.quick, in: folder)
        #expect(none.status == 4 && none.errors.contains("no file matches the pattern"), "\(none.errors)")
        let noneOfAFolder = try Program.run(["p/*.jpg", "-o", "o4"] + Self.quick, in: folder)
        #expect(noneOfAFolder.status == 4 && !folder.contents.contains("o4"), "\(noneOfAFolder.errors)")
    }

    /// Images of this program are recognized by their settings; others with such names are photos.
    @Test func cartoonIsNoPhotoOnlyIfItIsOne() throws {
        let folder = try TemporaryFolder()
        try folder.write("p/a.cartoon.png", SamplePicture.png())
        try folder.write("p/b.png", SamplePicture.png())
        for format in ["png", "jpg"] {
            let outcome = try Program.run(["p/b.png", "-o", "p/made.cartoon.\(format)"] + Self.quick, in: folder)
            #expect(outcome.status == 0)
        }
        let outcome = try Program.run(["p", "-o", "o"] + Self.quick, in: folder)
        #expect(outcome.outputText == "o/a.cartoon.cartoon.png\no/b.cartoon.png\n", "\(outcome.errors)")
    }

    @Test func inputIsCheckedBeforeTheOutput() throws {
        let folder = try TemporaryFolder()
        try folder.write("a.png", Data("text".utf8))
        for (photo, reason) in [("none.png", "No such file"), ("a.png", "cannot read a.png")] {
            let outcome = try Program.run([photo, "-o", "nowhere/o.png"] + Self.quick, in: folder)
            #expect(outcome.status == 4 && outcome.errors.contains(reason), "\(outcome.errors)")
        }
    }
}
