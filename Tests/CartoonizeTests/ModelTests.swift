import Foundation
import Testing

/// Models: where they are found, and what is said of those that are missing or broken (status 3).
struct ModelTests {
    private func folderWithPhoto() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.write("a.png", SamplePicture.png())
        return folder
    }

    private func expectRefusal(_ model: String, in folder: TemporaryFolder, saying messages: [String]) throws {
        let before = folder.contents
        let outcome = try Program.run(
            ["a.png", "--model", model, "--steps", "1", "--guidance", "2"], in: folder)
        #expect(outcome.status == 3)
        // One line, so nothing was announced or begun.
        #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
        for message in messages { #expect(outcome.errors.contains(message), "\(outcome.errors)") }
        #expect(outcome.output.isEmpty)
        #expect(folder.contents == before)
    }

    // Finding

    @Test func missingModelNamesEveryPlace() throws {
        let folder = try folderWithPhoto()
        let home = folder.path + "/home"
        try expectRefusal(
            "org/none", in: folder,
            saying: [
                "no model 'org/none'", "\(home)/.local/share/cartoonize/models/org/none",
                "\(home)/.cache/huggingface/hub/models--org--none", "share/cartoonize/Models/org/none",
                Program.modelsFolder.path + "/org/none", "installed: cartoonizer-mini",
            ])
    }

    @Test func nearNameIsOffered() throws {
        try expectRefusal("cartoonizr-mini", in: folderWithPhoto(), saying: ["did you mean 'cartoonizer-mini'?"])
    }

    @Test func environmentsPlacesAreSearched() throws {
        let folder = try folderWithPhoto()
        let environment = [
            "CARTOONIZE_HOME": "/data/c", "HF_HUB_CACHE": "/data/hub", "CARTOONIZE_MODEL": "none",
        ]
        let outcome = try Program.run(["a.png"], in: folder, environment: environment)
        #expect(outcome.status == 3)
        #expect(outcome.errors.contains("/data/c/models/none"))
        #expect(outcome.errors.contains("/data/hub/models--*--none"))
        let other = ["XDG_DATA_HOME": "/data/x", "HF_HOME": "/data/hf", "CARTOONIZE_MODEL": "none"]
        let otherOutcome = try Program.run(["a.png"], in: folder, environment: other)
        #expect(otherOutcome.errors.contains("/data/x/cartoonize/models/none"))
        #expect(otherOutcome.errors.contains("/data/hf/hub/models--*--none"))
    }

    @Test(arguments: [
        ("home/.local/share/cartoonize/models/mine", "mine", "mine", "data folder"),
        ("home/.local/share/cartoonize/models/org/mine", "org/mine", "org/mine", "data folder"),
        ("home/.cache/huggingface/hub/models--org--mine/snapshots/0123", "mine", "org/mine", "Hugging Face cache"),
        ("home/.cache/huggingface/hub/models--org--mine/snapshots/0123", "org/mine", "org/mine", "Hugging Face cache"),
    ])
    func modelIsFoundByName(place: String, request: String, name: String, origin: String) throws {
        let folder = try folderWithPhoto()
        _ = try folder.makeModel(place)
        let list = try Program.run(["models", "--json"], in: folder).outputText
        #expect(list.contains("\"name\":\"\(name)\",\"origin\":\"\(origin)\""))
        let outcome = try Program.run(["a.png", "-m", request, "--steps", "1", "--json", "-q"], in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.outputText.contains("\"model\":\"\(name)\""))
    }

    @Test func branchMainDecidesTheRevision() throws {
        let folder = try folderWithPhoto()
        let repository = "home/.cache/huggingface/hub/models--org--mine"
        _ = try folder.makeModel(repository + "/snapshots/0123")
        _ = try folder.makeModel(repository + "/snapshots/4567")
        try folder.write(repository + "/refs/main", Data("4567\n".utf8))
        let list = try Program.run(["models"], in: folder).outputText
        #expect(list.contains("/snapshots/4567"))
        #expect(!list.contains("/snapshots/0123"))
    }

    /// A download that ended early is not chosen over a whole one, and a revision can be named.
    @Test func wholeRevisionsComeFirst() throws {
        let folder = try folderWithPhoto()
        let repository = "home/.cache/huggingface/hub/models--org--mine"
        let half = try folder.makeModel(repository + "/snapshots/0123456789")
        _ = try folder.makeModel(repository + "/snapshots/456789abcd")
        try FileManager.default.removeItem(
            at: half.appendingPathComponent("unet/diffusion_pytorch_model.safetensors"))
        try folder.write(repository + "/refs/main", Data("0123456789".utf8))
        try folder.write(repository + "/refs/v1", Data("456789abcd\n".utf8))
        let list = try Program.run(["models"], in: folder).outputText
        #expect(list.contains("/snapshots/456789abcd") && !list.contains("/snapshots/0123456789"))
        for revision in ["v1", "456789abcd", "456789a"] {
            let outcome = try Program.run(["inspect", "org/mine@\(revision)"], in: folder)
            #expect(outcome.outputText.contains("/snapshots/456789abcd"), "\(revision): \(outcome.errors)")
        }
        for revision in ["main", "../v1", "4567", "none"] {
            #expect(try Program.run(["verify", "org/mine@\(revision)"], in: folder).status == 3, "\(revision)")
        }
        let variable = try Program.run(
            ["models"], in: folder, environment: ["HUGGINGFACE_HUB_CACHE": folder.path + "/elsewhere"])
        #expect(!variable.outputText.contains("org/mine"))
    }

    /// A folder with one file of weights is that file; other folders are named for what they are.
    @Test func foldersOfOneCheckpointAreFollowed() throws {
        let folder = try folderWithPhoto()
        try folder.write("one/weights.ckpt", OriginalModel().checkpoint)
        let run = ["a.png", "--model", "./one", "--steps", "1", "--seed", "3", "-q"]
        let outcome = try Program.run(run, in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try Program.run(["convert", "./one", "new", "-q"], in: folder).status == 0)
        try FileManager.default.removeItem(atPath: folder.path + "/new")
        try folder.write("one/other.safetensors", Data())
        try expectRefusal("./one", in: folder, saying: ["several files of weights (other.safetensors, weights.ckpt)"])
        try folder.write("control/config.json", Data(#"{"_class_name": "ControlNetModel"}"#.utf8))
        try folder.write("control/diffusion_pytorch_model.safetensors", Data())
        try expectRefusal("./control", in: folder, saying: ["it is a ControlNet"])
    }

    /// Weights that somebody cuts short while they are in use: a sentence, the model's status, and no picture.
    @Test func weightsThatShrinkEndTheRun() throws {
        let folder = try folderWithPhoto()
        let model = try folder.makeModel()
        let file = model.appendingPathComponent("unet/diffusion_pytorch_model.safetensors")
        let bytes = try Data(contentsOf: file)
        try FileManager.default.removeItem(at: file)
        for index in 0..<6 { try folder.write("in/\(index).png", SamplePicture.png(width: 64, height: 64)) }
        try bytes.write(to: file)
        let running = try Program.launch(
            ["in", "-o", "out", "--model", "./model", "--seed", "1", "--steps", "40"], in: folder)
        while !folder.contents.contains("out/0.cartoon.png"), running.process.isRunning { usleep(1000) }
        truncate(file.path, 4096)
        let outcome = try running.finish()
        #expect(outcome.status == 3, "\(outcome.errors)")
        #expect(outcome.errorLines.contains { $0.contains("error: ") }, "\(outcome.errors)")
        #expect(!folder.contents.contains { $0.hasSuffix(".partial") })
    }

    @Test func programFindsItsModelThroughALink() throws {
        let folder = try folderWithPhoto()
        try FileManager.default.createSymbolicLink(atPath: folder.path + "/link", withDestinationPath: Program.path)
        let outcome = try Program.runShell("./link a.png --steps 1 -q", in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
    }

    @Test(arguments: [
        ("a.png/", "no model"), ("./a.png", "is a file"), (".", "holds no model_index.json"), ("../..", "no model"),
        ("", "no model ''"),
    ])
    func pathThatIsNoModelIsRefused(model: String, message: String) throws {
        let outcome = try Program.run(["a.png", "--model", model], in: folderWithPhoto())
        #expect(outcome.status == 3)
        #expect(outcome.errorLines.count == 1)
    }

    // Broken files

    @Test(arguments: [
        "model_index.json", "unet/config.json", "vae/config.json", "text_encoder/config.json", "tokenizer/vocab.json",
        "scheduler/scheduler_config.json",
    ])
    func brokenJSONIsNamed(file: String) throws {
        for content in ["", "{", "[1, 2]", "\u{0}\u{1}\u{2}", "{\"_class_name\": "] {
            let folder = try folderWithPhoto()
            let model = try folder.makeModel()
            try FileManager.default.removeItem(at: model.appendingPathComponent(file))
            try folder.write("model/" + file, Data(content.utf8))
            try expectRefusal("./model", in: folder, saying: [file])
        }
    }

    @Test(arguments: [
        "unet/config.json", "unet/diffusion_pytorch_model.safetensors", "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors", "text_encoder/config.json", "text_encoder/model.safetensors",
        "tokenizer/vocab.json", "tokenizer/merges.txt", "scheduler/scheduler_config.json",
    ])
    func partOfAMissingFileIsNamed(file: String) throws {
        let folder = try folderWithPhoto()
        let model = try folder.makeModel()
        try FileManager.default.removeItem(at: model.appendingPathComponent(file))
        try expectRefusal("./model", in: folder, saying: [String(file.prefix { $0 != "/" })])
    }

    @Test func unknownBlockTypeIsNamed() throws {
        let folder = try folderWithPhoto()
        let model = try folder.makeModel()
        let file = "unet/config.json"
        let config = try String(contentsOf: model.appendingPathComponent(file), encoding: .utf8)
        try FileManager.default.removeItem(at: model.appendingPathComponent(file))
        try folder.write(
            "model/" + file, Data(config.replacingOccurrences(of: "\"UpBlock2D\"", with: "\"FancyUpBlock2D\"").utf8))
        try expectRefusal("./model", in: folder, saying: ["FancyUpBlock2D"])
    }

    private static let unetWeights = "unet/diffusion_pytorch_model.safetensors"

    @Test func wrongShapeIsNamed() throws {
        try expectRefusal(saying: ["conv_in.weight", "[48, 16, 9, 1]"]) { header in
            header.replacingOccurrences(of: "[48,16,3,3]", with: "[48,16,9,1]")
        }
    }

    @Test func missingTensorIsNamed() throws {
        try expectRefusal(saying: ["conv_in.weight"]) { header in
            header.replacingOccurrences(of: "\"conv_in.weight\"", with: "\"conv_on.weight\"")
        }
    }

    /// The decoder's turn comes last, but what it misses is found first.
    @Test func missingTensorOfTheLastStageIsFoundFirst() throws {
        try expectRefusal(
            of: "vae/diffusion_pytorch_model.safetensors", saying: ["decoder.conv_out.weight"]
        ) { header in
            header.replacingOccurrences(of: "\"decoder.conv_out.weight\"", with: "\"decoder.conv_uut.weight\"")
        }
    }

    @Test func unknownNumberTypeIsNamed() throws {
        try expectRefusal(saying: ["F99"]) { header in
            header.replacingOccurrences(of: "\"F16\"", with: "\"F99\"")
        }
    }

    @Test func fileWithABrokenHeaderIsNamed() throws {
        try expectRefusal(saying: [Self.unetWeights]) { header in
            header.replacingOccurrences(of: "]", with: "}")
        }
    }

    @Test(arguments: [0, 4, 8, 1000, 100_000])
    func cutOffWeightsAreNamed(length: Int) throws {
        let folder = try folderWithPhoto()
        let model = try folder.makeModel()
        let file = model.appendingPathComponent(Self.unetWeights)
        let start = try Data(contentsOf: file).prefix(length)
        try FileManager.default.removeItem(at: file)
        try start.write(to: file)
        try expectRefusal("./model", in: folder, saying: [Self.unetWeights])
    }

    /// Runs with a model in which the header of a file of weights was changed to another of the same length.
    private func expectRefusal(
        of weights: String = unetWeights, saying messages: [String], change: (String) -> String
    ) throws {
        let folder = try folderWithPhoto()
        let model = try folder.makeModel()
        let file = model.appendingPathComponent(weights)
        var bytes = try Data(contentsOf: file)
        let length = bytes.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
        let header = String(decoding: bytes[8..<8 + length], as: UTF8.self)
        let changed = Data(change(header).utf8)
        try #require(changed.count == length && changed != Data(header.utf8))
        bytes.replaceSubrange(8..<8 + length, with: changed)
        try FileManager.default.removeItem(at: file)
        try bytes.write(to: file)
        try expectRefusal("./model", in: folder, saying: messages)
    }
}
