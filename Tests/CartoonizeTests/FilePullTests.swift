import Foundation
import TestSupport
import Testing

/// `cartoonize pull` of single files: each lands where its option finds it by name.
struct FilePullTests {
    private let fixtures = Program.modelsFolder.deletingLastPathComponent()
        .appendingPathComponent("Tests/StableDiffusionTests/Fixtures")

    private func server() throws -> TestServer {
        var files = ["/whole.safetensors": try OriginalModel().safetensors, "/page.safetensors": Data("<html>".utf8)]
        for (name, path) in [
            ("/ink.safetensors", "lora/kohya.safetensors"), ("/paper.pt", "additions/webui.pt"),
            ("/fine.safetensors", "additions/vae/diffusion_pytorch_model.safetensors"),
        ] {
            files[name] = try Data(contentsOf: fixtures.appendingPathComponent(path))
        }
        return try TestServer { [files] request in
            files[String(request.path.prefix { $0 != "?" })].map { .file($0, etag: "\"1\"", for: request) }
                ?? .init(404)
        }
    }

    @Test func filesAreFoundByName() throws {
        let (server, folder) = (try server(), try TemporaryFolder())
        try folder.write("a.png", SamplePicture.png())
        let home = ["CARTOONIZE_HOME": folder.path + "/home"]
        for (name, place) in [
            ("ink.safetensors", "loras/ink.safetensors"), ("paper.pt", "embeddings/paper.pt"),
            ("fine.safetensors", "vaes/fine.safetensors"), ("whole.safetensors", "models/whole"),
        ] {
            let outcome = try Program.run(
                ["pull", "\(server.url)/\(name)?secret=1", "-q"], in: folder, environment: home)
            #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
            #expect(outcome.outputText == "\(folder.path)/home/\(place)\n")
        }
        #expect(!folder.contents.contains { $0.contains(".pull") })
        for (number, options) in [
            ["-m", fixtures.path + "/tiny-sd", "--lora", "ink"],
            ["-m", fixtures.path + "/tiny-sd", "--embedding", "paper", "-i", "ink-style"],
            ["-m", fixtures.path + "/tiny-sd", "--vae", "fine"], ["-m", "whole"],
        ].enumerated() {
            let outcome = try Program.run(
                ["a.png", "--steps", "1", "--size", "64x64", "-q", "-o", "\(number).png"] + options, in: folder,
                environment: home)
            #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(options): \(outcome.errors)")
        }

        let again = try Program.run(["pull", "\(server.url)/ink.safetensors"], in: folder, environment: home)
        #expect(again.status == 5 && again.errors.contains("--force replaces it"))
        let whole = try Program.run(
            ["pull", "\(server.url)/whole.safetensors?secret=1"], in: folder, environment: home)
        #expect(whole.status == 0 && whole.errors.contains("is there; --force pulls it again"), "\(whole.errors)")
        #expect(!(again.errors + whole.errors).contains("secret"))
    }

    @Test func othersAreRefusedAndLeaveNothing() throws {
        let (server, folder) = (try server(), try TemporaryFolder())
        let home = ["CARTOONIZE_HOME": folder.path + "/home"]
        for (name, status, words) in [
            ("page.safetensors", Int32(3), "HTML"), ("none.safetensors", 1, "404"),
            ("ink.safetensors", 0, "to download"),
        ] {
            let outcome = try Program.run(
                ["pull", "\(server.url)/\(name)"] + (status == 0 ? ["--dry-run"] : []), in: folder, environment: home)
            #expect(outcome.status == status && outcome.errors.contains(words), "\(outcome.errors)")
        }
        #expect(
            folder.contents.filter { !$0.hasSuffix("home") && !$0.hasSuffix("models") }.isEmpty, "\(folder.contents)")
    }
}
