import Foundation
import Testing

/// What a decoder that was taken over by a file can still do: nothing. A library that stands in for libwebp tries it.
struct SandboxTests {
    /// Reports what it could do in a text file that the parent process opened for it as descriptor 9.
    private static let decoder = """
        #define _GNU_SOURCE
        #include <arpa/inet.h>
        #include <fcntl.h>
        #include <stdint.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/ioctl.h>
        #include <sys/socket.h>
        #include <sys/stat.h>
        #include <sys/wait.h>
        #include <unistd.h>

        static void report(const char *what, int done) { dprintf(9, "%s %s\\n", what, done ? "done" : "refused"); }

        static void attack(void) {
            report("read", open("secret", O_RDONLY) >= 0);
            report("list", open("/", O_RDONLY | O_DIRECTORY) >= 0);
            report("write", open("planted", O_WRONLY | O_CREAT, 0666) >= 0);
            report("overwrite", open("secret", O_WRONLY | O_TRUNC) >= 0);
            report("remove", unlink("secret") == 0);
            report("folder", mkdir("planted-folder", 0777) == 0);
            report("link", symlink("secret", "toons/link") == 0);
            struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
            address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            int connection = socket(AF_INET, SOCK_STREAM, 0);
            report("socket", connection >= 0);
            report("send", sendto(connection, "x", 1, 0, (struct sockaddr *)&address, sizeof address) >= 0);
            report("fork", fork() >= 0);
            report("signal", kill(getppid(), 0) == 0);
            report("type", ioctl(0, TIOCSTI, "x") == 0);
            char *arguments[] = {"/bin/true", 0};
            execv("/bin/true", arguments);
            report("run", 0);
        }

        int WebPGetFeaturesInternal(const uint8_t *data, size_t size, int *features, int version) {
            if (getenv("ATTACKS_EARLY")) attack();
            features[0] = features[1] = 16;
            return 0;
        }
        uint8_t *WebPDecodeRGBInto(const uint8_t *data, size_t size, uint8_t *output, size_t room, int stride) {
            attack();
            return output;
        }
        uint8_t *WebPDecodeRGBAInto(const uint8_t *data, size_t size, uint8_t *output, size_t room, int stride) {
            return 0;
        }
        """
    private static let attempts = [
        "read", "list", "write", "overwrite", "remove", "folder", "link", "socket", "send", "fork", "signal", "type",
        "run",
    ]

    /// A folder with such a decoder, a picture for it, and what it is not to find.
    private func folderWithDecoder() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.write("decoder.c", Data(Self.decoder.utf8))
        let compiled = try Program.runShell(
            "mkdir library toons && cc -shared -fPIC -o library/libwebp.so.7 decoder.c", in: folder)
        try #require(compiled.status == 0, "\(compiled.errors)")
        var picture = Data("RIFF".utf8) + Data([4, 4, 0, 0]) + Data("WEBPVP8 ".utf8)
        picture += Data(count: 1024)
        try folder.write("photos/a.webp", picture)
        try folder.write("secret", Data("secret".utf8))
        return folder
    }

    private static func readsOnlyHeaders(_ arguments: String) -> Bool {
        arguments.hasPrefix("inspect") || arguments.hasPrefix("--params")
    }

    private static func run(_ arguments: String) -> String {
        let quick = arguments.hasPrefix("inspect") ? "" : "--seed 1 --steps 1 -q"
        // Of these two nothing but the header is read.
        let early = readsOnlyHeaders(arguments) ? "ATTACKS_EARLY=1 " : ""
        return "\(early)LD_LIBRARY_PATH=$PWD/library exec \"$program\" \(arguments) \(quick) 9> report"
    }

    /// Whether the system confines a process's files; where it does not, nothing is promised.
    private static let hasLandlock: Bool = {
        // Swift has no variadic functions of C; this call of the system asks for Landlock's version.
        typealias SystemCall = @convention(c) (Int, UnsafeRawPointer?, Int, UInt32) -> Int
        guard let function = dlsym(nil, "syscall") else { return false }
        return unsafeBitCast(function, to: SystemCall.self)(444, nil, 0, 1) > 0
    }()

    @Test(
        .enabled(if: hasLandlock),
        arguments: [
            "photos/a.webp -o toons/a.png", "photos -o toons",
            "--params-from photos/a.webp photos/a.webp -o toons/a.png",
            "inspect photos/a.webp",
        ])
    func decoderCanDoNothing(arguments: String) throws {
        let folder = try folderWithDecoder()
        let before = folder.contents
        _ = try Program.runShell(Self.run(arguments), in: folder)
        let report = String(decoding: try folder.data("report"), as: UTF8.self).split(separator: "\n")
        let done = report.filter { $0.hasSuffix("done") }
        // Before the model and the pictures are known, everything can be read, and nothing else be done.
        #expect(
            Self.readsOnlyHeaders(arguments) ? Set(done).isSubset(of: ["read done", "list done"]) : done.isEmpty,
            "\(done)")
        #expect(Set(report.map { $0.prefix { $0 != " " } }).isSuperset(of: Self.attempts.map { Substring($0) }))
        #expect(try folder.data("secret") == Data("secret".utf8))
        #expect(before.allSatisfy(folder.contents.contains))
        #expect(!folder.contents.contains { $0.hasPrefix("planted") || $0.hasSuffix("/link") })
    }

    /// The attempts are such that they succeed where nothing stops them.
    @Test func decoderWithoutSandboxCanDoAll() throws {
        let folder = try folderWithDecoder()
        _ = try Program.runShell(
            Self.run("photos/a.webp -o toons/a.png --no-sandbox"),
            in: folder)
        let report = String(decoding: try folder.data("report"), as: UTF8.self)
        for attempt in ["read", "list", "write", "overwrite", "remove", "folder", "link", "socket", "fork"] {
            #expect(report.contains("\(attempt) done"), "\(report)")
        }
    }

    @Test func verboseSaysWhatHolds() throws {
        let folder = try TemporaryFolder()
        try folder.write("a.png", SamplePicture.png())
        let arguments = ["a.png", "--steps", "1", "-v"]
        let outcome = try Program.run(arguments, in: folder)
        #expect(outcome.status == 0 && outcome.errors.contains("cartoonize: sandbox: "), "\(outcome.errors)")
        #expect(
            try Program.run(arguments + ["--no-sandbox", "-f"], in: folder).errors.contains("cartoonize: sandbox: off"))
    }

    /// A model's folder may hold links to anywhere, a photo may be one, and the output may be made first.
    @Test func linksOfTheUsersOwnAreFollowed() throws {
        let folder = try TemporaryFolder()
        try folder.write("elsewhere/photo.png", SamplePicture.png())
        _ = try folder.makeModel()
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/a.png", withDestinationPath: folder.path + "/elsewhere/photo.png")
        let quick = ["-m", "./model", "--steps", "1", "--seed", "1", "-q"]
        #expect(try Program.run(["a.png", "-o", "out.png"] + quick, in: folder).status == 0)
        let batch = try Program.run(["elsewhere", "a.png", "-o", "deep/er", "--gallery"] + quick, in: folder)
        #expect(batch.status == 0, "\(batch.errors)")
        #expect(folder.contents.contains("deep/er/photo.cartoon.png"))
    }
}
