import Foundation
import Testing

/// Inputs that cannot be read: status 4, one line that names the input, nothing written.
struct InputTests {
    private func expectRefusal(
        of input: String, in folder: TemporaryFolder, saying message: String, stdin: String = "/dev/null"
    ) throws {
        let before = folder.contents
        let arguments = [input, "-o", "out.png"]
        let outcome = try Program.run(arguments, in: folder, input: stdin)
        #expect(outcome.status == 4)
        #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
        #expect(outcome.errors.hasPrefix("cartoonize: error: cannot read "))
        #expect(outcome.errors.contains(message), "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
        #expect(folder.contents == before)
    }

    @Test func missingFileIsRefused() throws {
        try expectRefusal(of: "none.png", in: TemporaryFolder(), saying: "none.png: No such file")
    }

    @Test(arguments: [".", "/", "//", "./sub/..", "sub", "sub/"])
    func folderWithoutPhotosIsRefused(path: String) throws {
        let folder = try TemporaryFolder()
        try folder.write("sub/notes.txt", Data("no picture".utf8))
        let outcome = try Program.run([path, "-o", "out"], in: folder)
        #expect(outcome.status == 4)
        #expect(
            outcome.errors
                == "cartoonize: error: there are no photos in \(path); --recursive looks deeper\n")
        #expect(folder.contents == ["sub", "sub/notes.txt"])
    }

    @Test func emptyPathIsRefused() throws {
        try expectRefusal(of: "", in: TemporaryFolder(), saying: "'': No such file")
    }

    @Test func emptyFileIsRefused() throws {
        let folder = try TemporaryFolder()
        try folder.write("a.png", Data())
        try expectRefusal(of: "a.png", in: folder, saying: "the file is empty")
    }

    @Test(arguments: ["hello, world\n", "8BPS........", "<html><body>Not found</body></html>", "\u{89}PNG"])
    func fileThatIsNoImageIsRefused(content: String) throws {
        let folder = try TemporaryFolder()
        try folder.write("a.png", Data(content.utf8))
        try expectRefusal(of: "a.png", in: folder, saying: "PNG")
    }

    @Test(arguments: ["png", "jpg"])
    func fileCutOffAnywhereIsRefused(kind: String) throws {
        let folder = try TemporaryFolder()
        let whole = kind == "png" ? try SamplePicture.png() : try SamplePicture.jpeg()
        for length in [3, 8, 20, 40, whole.count / 2, whole.count - 20] {
            try folder.write("a.\(kind)", whole.prefix(length))
            try expectRefusal(of: "a.\(kind)", in: folder, saying: "a.\(kind)")
        }
    }

    @Test func corruptPNGIsRefused() throws {
        let folder = try TemporaryFolder()
        var bytes = try SamplePicture.png()
        bytes[bytes.count / 2] ^= 0x55
        try folder.write("a.png", bytes)
        try expectRefusal(of: "a.png", in: folder, saying: "damaged")
    }

    @Test func corruptJPEGIsRefused() throws {
        let folder = try TemporaryFolder()
        var bytes = try SamplePicture.jpeg()
        // The length of the first segment, and with it the place of all that follows.
        bytes[4] = 0xFF
        try folder.write("a.jpg", bytes)
        try expectRefusal(of: "a.jpg", in: folder, saying: "a.jpg")
    }

    /// 60000 x 60000 pixels in a few bytes: refused by the header, before memory is taken.
    @Test func decompressionBombIsRefused() throws {
        let folder = try TemporaryFolder()
        try folder.write("bomb.png", PNGFile.claiming(width: 60000, height: 60000))
        try expectRefusal(of: "bomb.png", in: folder, saying: "60000x60000")
    }

    @Test func endlessDeviceIsRefused() throws {
        try expectRefusal(of: "/dev/zero", in: TemporaryFolder(), saying: "/dev/zero")
    }

    @Test func emptyStandardInputIsRefused() throws {
        try expectRefusal(of: "-", in: TemporaryFolder(), saying: "standard input: the file is empty")
    }

    @Test(.enabled(if: OtherUser.canRunProgram)) func fileWithoutPermissionIsRefused() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("a.png", SamplePicture.png())
        try FileManager.default.setAttributes([.posixPermissions: 0o000], ofItemAtPath: file.path)
        let outcome = try Program.runShell(OtherUser.prefix + "\"$program\" a.png -o /dev/null", in: folder)
        #expect(outcome.status == 4)
        #expect(outcome.errors == "cartoonize: error: cannot read a.png: Permission denied\n")
    }

    @Test func controlCharactersStayOutOfMessages() throws {
        let outcome = try Program.run(["a\u{1B}[2J\nb.png"], in: TemporaryFolder())
        #expect(outcome.status == 4)
        #expect(outcome.errors == "cartoonize: error: cannot read a\\u{1b}[2J\\nb.png: No such file or directory\n")
    }

    @Test func mistypedCommandIsPointedTo() throws {
        let outcome = try Program.run(["inspct"], in: TemporaryFolder())
        #expect(outcome.status == 4)
        #expect(outcome.errors.contains("did you mean the command 'inspect'?"))
    }

    @Test func failureIsReportedAsJSON() throws {
        let outcome = try Program.run(["none.png", "--json"], in: TemporaryFolder())
        #expect(outcome.status == 4)
        let report = try JSONDecoder().decode(Failure.self, from: outcome.output)
        #expect(
            report == Failure(input: "none.png", error: "cannot read none.png: No such file or directory", exit_code: 4)
        )
    }

    private struct Failure: Decodable, Equatable {
        var input: String
        var error: String
        // The name in the documented object.
        var exit_code: Int  // swift-format-ignore: AlwaysUseLowerCamelCase
    }
}

/// A user that permissions bind, also when the tests run as root.
enum OtherUser {
    private static let isRoot = geteuid() == 0

    /// What goes before a command to run it as that user.
    static let prefix = isRoot ? "setpriv --reuid=65534 --regid=65534 --clear-groups " : ""

    static let canRunProgram: Bool = {
        guard isRoot else { return true }
        let outcome = try? Program.runShell(prefix + "\"$program\" --version", in: TemporaryFolder())
        return outcome?.status == 0
    }()
}

/// PNG files that no encoder writes.
enum PNGFile {
    static func claiming(width: UInt32, height: UInt32) -> Data {
        var file = Data([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
        file += chunk("IHDR", bigEndian(width) + bigEndian(height) + Data([8, 2, 0, 0, 0]))
        file += chunk("IDAT", Data([0x78, 0x9C, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01]))
        return file + chunk("IEND", Data())
    }

    private static func chunk(_ type: String, _ content: Data) -> Data {
        let body = Data(type.utf8) + content
        return bigEndian(UInt32(content.count)) + body + bigEndian(checksum(body))
    }

    private static func bigEndian(_ value: UInt32) -> Data {
        withUnsafeBytes(of: value.bigEndian) { Data($0) }
    }

    /// CRC-32 as PNG has it, bit by bit.
    private static func checksum(_ data: Data) -> UInt32 {
        var remainder: UInt32 = 0xFFFF_FFFF
        for byte in data {
            remainder ^= UInt32(byte)
            for _ in 0..<8 { remainder = remainder & 1 == 1 ? remainder >> 1 ^ 0xEDB8_8320 : remainder >> 1 }
        }
        return ~remainder
    }
}
