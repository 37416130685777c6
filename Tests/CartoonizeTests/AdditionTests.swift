import Foundation
import Testing

/// LoRAs, textual inversions and autoencoders that are added to a model: by file, by name, and given in the wrong place.
struct AdditionTests {
    private let fixtures = Program.modelsFolder.deletingLastPathComponent()
        .appendingPathComponent("Tests/StableDiffusionTests/Fixtures")

    private struct Report: Decodable {
        struct LoRA: Decodable {
            var name: String
            var strength: Float
        }

        var loras: [LoRA]?
        var embeddings: [String]?
    }

    /// A photo, and `home` with a LoRA and a textual inversion in its folders.
    private func folderWithAdditions() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.write("a.png", SamplePicture.png())
        for (name, source) in [
            ("loras/ink", "lora/kohya"), ("embeddings/paper", "additions/paper"),
        ] {
            try folder.write(
                "home/\(name).safetensors",
                Data(contentsOf: fixtures.appendingPathComponent("\(source).safetensors")))
        }
        return folder
    }

    private func run(_ arguments: [String], in folder: TemporaryFolder) throws -> Program.Outcome {
        try Program.run(
            ["a.png", "--size", "64x64", "--steps", "1", "--seed", "5"]
                + (arguments.contains("-m") ? [] : ["-m", fixtures.path + "/tiny-sd"]) + arguments,
            in: folder, environment: ["CARTOONIZE_HOME": folder.path + "/home"])
    }

    @Test func additionsAreFoundByName() throws {
        let folder = try folderWithAdditions()
        let texts = ["-i", "in <paper>"]
        for (name, options) in [
            ("plain", []), ("lora", ["--lora", "ink:0.5"]), ("embedding", ["--embedding", "paper"]),
            ("file", ["--embedding", "home/embeddings/paper.safetensors", "--lora", "home/loras/ink.safetensors:0.5"]),
            ("both", ["--embedding", "paper.safetensors", "--lora", "ink:0.5", "--memory", "low"]),
        ] {
            let outcome = try run(texts + ["-o", "\(name).png", "--json", "-q"] + options, in: folder)
            #expect(outcome.status == 0, "\(outcome.errors)")
            let report = try JSONDecoder().decode(Report.self, from: outcome.output)
            let isBoth = ["both", "file"].contains(name)
            #expect((report.loras != nil) == (name == "lora" || isBoth))
            #expect((report.embeddings != nil) == (name == "embedding" || isBoth))
            if let lora = report.loras?.first {
                #expect(lora.strength == 0.5 && lora.name == "ink")
            }
        }
        let pictures = try ["plain", "lora", "embedding", "both"].map { try folder.picture("\($0).png").rgb }
        #expect(Set(pictures).count == pictures.count)
        #expect(try folder.data("file.png") == folder.data("both.png"))

        let again = try Program.run(
            [
                "a.png", "--size", "64x64", "-m", fixtures.path + "/tiny-sd", "-o", "again.png", "-q", "--params-from",
                "both.png",
            ],
            in: folder, environment: ["CARTOONIZE_HOME": folder.path + "/home"])
        #expect(again.status == 0, "\(again.errors)")
        #expect(try folder.data("again.png") == folder.data("both.png"))
    }

    @Test func aWordThatIsNotInTheInstructionIsNoted() throws {
        let outcome = try run(["--embedding", "paper", "-i", "in paper"], in: folderWithAdditions())
        #expect(outcome.status == 0)
        #expect(outcome.errors.contains("the embedding paper has no effect: its word, <paper>, is not in"))
    }

    @Test(arguments: [("--lora", "inc:0.5", "ink", "loras"), ("--embedding", "papyr", "paper", "embeddings")])
    func missingNamesAreRefused(option: String, name: String, near: String, place: String) throws {
        let folder = try folderWithAdditions()
        let before = folder.contents
        let outcome = try run([option, name], in: folder)
        #expect(outcome.status == 3)
        #expect(outcome.errors.contains("did you mean '\(near)'?"), "\(outcome.errors)")
        #expect(outcome.errors.contains("\(folder.path)/home/\(place)"))
        #expect(folder.contents == before)
    }

    /// Of each kind a file is given to the options for the others: the sentence says which one takes it.
    @Test(arguments: [
        ("lora/kohya.safetensors", "--lora"), ("additions/webui.pt", "--embedding"),
        ("additions/vae/diffusion_pytorch_model.safetensors", "--vae"),
    ])
    func theRightOptionIsNamed(file: String, right: String) throws {
        let folder = try folderWithAdditions()
        for option in ["--lora", "--embedding", "--vae", "-m"] where option != right {
            let outcome = try run([option, fixtures.appendingPathComponent(file).path], in: folder)
            #expect(outcome.status == 3)
            #expect(outcome.errors.contains("; \(right) "), "\(option): \(outcome.errors)")
            #expect(outcome.errorLines.count == 1)
        }
    }
}
