import Foundation
import TestSupport
import Testing

/// Photos by their addresses, from a server that does what servers do.
struct WebPhotoTests {
    private static let quick = ["--steps", "1", "--seed", "1", "--quiet"]

    /// A server with a few good and many bad pictures.
    private func server() throws -> TestServer {
        let (photo, jpeg) = (try SamplePicture.png(), try SamplePicture.jpeg(width: 24))
        return try TestServer { request in
            switch request.path.prefix(while: { $0 != "?" }) {
            case "/photo.png", "/sub/photo.png", "/a%20b%2Fc.png", "/.png": return .file(photo, for: request)
            case "/", "/sub/": return .file(jpeg, for: request)
            case "/really-a-jpeg.png": return .file(jpeg, for: request)
            case "/moved": return .init(302, headers: ["Location": "/photo.png"])
            case "/circle": return .init(302, headers: ["Location": "/circle"])
            case "/to-file": return .init(302, headers: ["Location": "file:///etc/passwd"])
            case "/missing.png": return .init(404, body: Data("<html>".utf8))
            case "/page.jpg":
                return .init(
                    200, headers: ["Content-Type": "text/html"],
                    body: Data("<html><body>".utf8) + Data(repeating: 0x20, count: 1 << 20))
            case "/empty": return .init(200)
            case "/cut.png":
                var answer = TestServer.Answer.file(photo, for: request)
                answer.cutAfter = photo.count / 2
                return answer
            case "/half.png": return .init(200, body: photo.prefix(photo.count / 2))
            case "/huge.png": return .init(200, headers: ["Content-Length": "300000000"], body: photo)
            case "/bomb.png": return .init(200, body: PNGFile.claiming(width: 60000, height: 60000))
            default: return nil
            }
        }
    }

    // MARK: - Good ones

    @Test func pictureIsThatOfTheFile() throws {
        let (server, folder) = (try server(), try TemporaryFolder())
        try folder.write("local.png", SamplePicture.png())
        _ = try Program.run(["local.png", "-o", "expected.png"] + Self.quick, in: folder)
        for path in ["/photo.png", "/moved", "/photo.png?size=large#top"] {
            let outcome = try Program.run([server.url + path, "-o", "out.png", "-f"] + Self.quick, in: folder)
            #expect(outcome.status == 0 && outcome.outputText == "out.png\n", "\(outcome.errors)")
            #expect(try differences(folder.data("out.png"), folder.data("expected.png")) == nil)
        }
        let piped = try Program.run([server.url + "/photo.png", "-o", "-"] + Self.quick, in: folder)
        #expect(try differences(piped.output, folder.data("expected.png")) == nil)
    }

    @Test func namesComeFromTheAddress() throws {
        let (server, folder) = (try server(), try TemporaryFolder())
        for (path, name) in [
            ("/photo.png?x=/y.jpg", "photo.cartoon.png"), ("/a%20b%2Fc.png", "a%20b%2Fc.cartoon.png"),
            ("/really-a-jpeg.png", "really-a-jpeg.cartoon.png"), ("/moved", "moved.cartoon.png"),
            ("/.png", ".png.cartoon.png"), ("/sub/", "picture.cartoon.png"),
        ] {
            let outcome = try Program.run([server.url + path] + Self.quick, in: folder)
            #expect(outcome.outputText == name + "\n", "\(outcome.errors)")
        }
        let again = try Program.run([server.url] + Self.quick, in: folder)
        #expect(again.status == 5 && again.errors.contains("picture.cartoon.png exists"))
    }

    @Test(arguments: [
        ("/a/photo.jpg", "photo"), ("/%E6%97%A5%20b.png", "日 b"), ("/a%2Fb", "a%2Fb"), ("/a%0Ab", "a%0Ab"),
        ("/%FF.png", "%FF"), ("/a%00b", "a%00b"), ("/x/../..", "picture"), ("/?photo.jpg", "picture"),
        ("/%2E%2E%2Fetc%2Fpasswd", "%2E%2E%2Fetc%2Fpasswd"), ("/-o", "-o"),
        ("/" + String(repeating: "%C3%A9", count: 300), String(repeating: "é", count: 100)),
    ])
    func fileNamesAreThoseOfAddresses(path: String, stem: String) throws {
        let photo = try SamplePicture.png()
        let (server, folder) = (try TestServer { .file(photo, for: $0) }, try TemporaryFolder())
        let outcome = try Program.run([server.url.uppercased() + path, "--dry-run", "-q"], in: folder)
        #expect(outcome.outputText == stem + ".cartoon.png\n", "\(outcome.errors)")
    }

    @Test func secretsAreNotShown() throws {
        let server = try server()
        let secret = "http://user:secret@127.0.0.1:\(server.port)"
        let folder = try TemporaryFolder()
        for path in ["/photo.png?token=secret", "/missing.png?token=secret", "/cut.png?token=secret"] {
            let outcome = try Program.run([secret + path, "--steps", "1"], in: folder)
            #expect(outcome.errors.contains("127.0.0.1") && !outcome.errors.contains("secret"), "\(outcome.errors)")
        }
    }

    // MARK: - Bad ones

    @Test(arguments: [
        ("/missing.png", "answered with status 404 (not found)"), ("/circle", "redirects without end"),
        ("/to-file", "redirects to an unknown kind of address, which is not followed"),
        ("/page.jpg", "this is a web page, which is not read"), ("/page.jpg", "(the server calls it text/html)"),
        ("/empty", "the file is empty"), ("/cut.png", "broke: "), ("/half.png", "damaged or cut off"),
        ("/huge.png", "sends more than 268435456 bytes"), ("/bomb.png", "60000x60000"), ("/silence", "broke: "),
    ])
    func whatIsNoPhotoIsRefused(path: String, message: String) throws {
        let (server, folder) = (try server(), try TemporaryFolder())
        let outcome = try Program.run([server.url + path, "-o", "out.png"], in: folder)
        #expect(outcome.status == 4 && outcome.errorLines.count == 1)
        #expect(outcome.errors.hasPrefix("cartoonize: error: cannot read "))
        #expect(outcome.errors.contains(message), "\(outcome.errors)")
        #expect(folder.contents.isEmpty)
    }

    @Test(arguments: [
        ("file:///etc/hostname", "is no http or https address"),
        ("ftp://127.0.0.1/x.png", "is no http or https address"),
        ("https://", "is no http or https address"), ("http://a b/", "no http or https address"),
        ("http://127.0.0.1:1/x.png", "no connection to http://127.0.0.1:1/x.png"),
        ("https://nowhere.invalid/x.png", "the host of https://nowhere.invalid/x.png is not known"),
    ])
    func addressesThatAreNoneAreRefused(address: String, message: String) throws {
        let folder = try TemporaryFolder()
        for output in [["-o", "out.png"], []] {
            let outcome = try Program.run([address] + output, in: folder)
            #expect(outcome.status == 4 && outcome.errorLines.count == 1)
            #expect(outcome.errors.contains(message), "\(outcome.errors)")
        }
        #expect(folder.contents.isEmpty)
    }

    // MARK: - Batches

    @Test func batchesTakeAddresses() throws {
        let (server, folder) = (try server(), try TemporaryFolder())
        try folder.write("list", Data("\(server.url)/photo.png?a=1\n\(server.url)/missing.png\n".utf8))
        try folder.write("photos/local.png", SamplePicture.png())
        let batch = ["photos", server.url + "/really-a-jpeg.png", "--files-from", "list", "-o", "toons"] + Self.quick
        let outcome = try Program.run(batch, in: folder)
        #expect(outcome.status == 6)
        #expect(
            outcome.outputText
                == "toons/local.cartoon.png\ntoons/really-a-jpeg.cartoon.png\ntoons/photo.cartoon.png\n",
            "\(outcome.errors)")
        // The same command again asks only for what is missing.
        let before = server.requests.count
        _ = try Program.run(batch, in: folder)
        #expect(server.requests.dropFirst(before).map(\.path) == ["/missing.png"])
        let gallery = try Program.run(batch + ["--gallery"], in: folder)
        #expect(gallery.status == 6)
        #expect(String(decoding: try folder.data("toons/cartoonize.html"), as: UTF8.self).contains("photo.cartoon.png"))

        let clash = try Program.run(
            [server.url + "/photo.png", server.url + "/sub/photo.png", "-o", "other"] + Self.quick, in: folder)
        #expect(clash.outputText == "other/photo.cartoon.png\nother/photo.png.cartoon.png\n", "\(clash.errors)")
        #expect(Set(server.requests.suffix(2).map(\.path)) == ["/photo.png", "/sub/photo.png"])
    }

    @Test func dryRunsAndInspectionsLookAtAddresses() throws {
        let (server, folder) = (try server(), try TemporaryFolder())
        let dry = try Program.run([server.url + "/photo.png", "--dry-run", "-q"], in: folder)
        #expect(dry.status == 0 && dry.outputText == "photo.cartoon.png\n")
        let missing = try Program.run([server.url + "/missing.png", "--dry-run", "-q"], in: folder)
        #expect(missing.status == 4)
        let inspected = try Program.run(["inspect", server.url + "/photo.png"], in: folder)
        #expect(inspected.status == 0 && inspected.errors.contains("/photo.png: PNG, 16x16"))
        #expect(folder.contents.isEmpty)
    }
}
