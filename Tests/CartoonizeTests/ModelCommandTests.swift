import Foundation
import TestSupport
import Testing

/// The commands that make, check and describe models: convert, pull, verify, inspect.
struct ModelCommandTests {
    private static let unet = "unet/diffusion_pytorch_model.safetensors"

    private func folderWithModel() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        _ = try folder.makeModel()
        return folder
    }

    // MARK: - convert

    @Test func convertedModelsMakeTheSamePicture() throws {
        let folder = try folderWithModel()
        try folder.write("a.png", SamplePicture.png())
        let conversion = try Program.run(["convert", "model", "new", "--quiet"], in: folder)
        #expect(conversion.status == 0 && conversion.outputText == "new\n" && conversion.errors.isEmpty)
        for model in ["./model", "./new"] {
            let run = ["a.png", "--model", model, "--steps", "1", "--seed", "3", "-q", "-o", "\(model).png"]
            #expect(try Program.run(run, in: folder).status == 0)
        }
        #expect(try differences(folder.picture("model.png").rgb, folder.picture("new.png").rgb) == nil)
        #expect(!folder.contents.contains { $0.hasSuffix(".partial") })

        let again = try Program.run(["convert", "model", "new"], in: folder)
        #expect(again.status == 5 && again.errors.contains("exists already"))
        let missing = try Program.run(["convert", "nothing", "newer"], in: folder)
        #expect(missing.status == 3 && missing.errors.contains("nothing does not exist"))
        let ema = try Program.run(["convert", "model", "newer", "--ema"], in: folder)
        #expect(ema.status == 3 && ema.errors.contains("averaged weights"))
        #expect(try Program.run(["convert", "model", "newer", "--dtype", "int4"], in: folder).status == 2)
        #expect(!folder.contents.contains { $0.hasPrefix("newer") })
    }

    @Test func valuesTooLargeForHalfPrecisionAreReported() throws {
        let folder = try folderWithModel()
        try #require(Program.run(["convert", "model", "whole", "--dtype", "float32", "-q"], in: folder).status == 0)
        let file = folder.url.appendingPathComponent("whole/" + Self.unet)
        var bytes = try Data(contentsOf: file)
        withUnsafeBytes(of: Float(70_000)) { bytes.replaceSubrange(bytes.count - 4..<bytes.count, with: $0) }
        try bytes.write(to: file)
        let conversion = try Program.run(["convert", "whole", "half", "-q"], in: folder)
        #expect(conversion.status == 0)
        #expect(conversion.errorLines.count == 1 && conversion.errors.contains("too narrow for 1 values"))
        let verification = try Program.run(["verify", "./half"], in: folder)
        #expect(verification.status == 3 && verification.errors.contains("not finite"))
        let changed = try Program.run(["verify", "./whole"], in: folder)
        #expect(changed.status == 3 && changed.errors.contains("figures: unet differs"))
        try FileManager.default.removeItem(at: folder.url.appendingPathComponent("whole/probe.json"))
        #expect(try Program.run(["verify", "./whole", "-q"], in: folder).status == 0)
    }

    @Test func interruptedConversionsLeaveNothing() throws {
        let folder = try folderWithModel()
        let running = try Program.launch(["convert", "model", "new"], in: folder)
        kill(running.process.processIdentifier, SIGTERM)
        let outcome = try running.finish()
        #expect([0, 143, -15].contains(outcome.status))
        #expect(folder.contents.filter { $0.hasSuffix(".partial") }.isEmpty)
    }

    // MARK: - Single files

    @Test(arguments: [
        ("cposix\nsystem\nX\u{2}\u{0}\u{0}\u{0}ls\u{85}R.", "the name posix.system"),
        ("cbuiltins\neval\n.", "the name builtins.eval"), ("(iposix\nsystem\n.", "the name posix.system"),
    ])
    func picklesThatWouldRunAreRefusedByName(program: String, named: String) throws {
        let folder = try TemporaryFolder()
        try folder.write("a.png", SamplePicture.png())
        // U+0085 is one byte in a pickle.
        let bytes = program.unicodeScalars.map { UInt8($0.value) }
        try folder.write("model.ckpt", torchFile(Data([0x80, 2] + bytes)))
        let commands = [
            ["a.png", "--model", "model.ckpt", "-q"], ["convert", "model.ckpt", "new", "-q"],
            ["inspect", "model.ckpt"], ["verify", "model.ckpt"],
        ]
        for command in commands {
            let outcome = try Program.run(command, in: folder)
            #expect(outcome.status == 3, "\(command)")
            #expect(outcome.errorLines.count == 1 && outcome.errors.contains(named), "\(outcome.errors)")
            #expect(outcome.errors.contains("nothing in it was executed"))
        }
        #expect(folder.contents == ["a.png", "model.ckpt"])
    }

    /// A file of weights makes the picture of the folder that it becomes, whatever kind of file it is.
    @Test func singleFilesMakeThePictureOfTheirFolder() throws {
        let folder = try TemporaryFolder()
        let model = try OriginalModel()
        try folder.write("a.png", SamplePicture.png(width: 24))
        try folder.write("one.safetensors", model.safetensors)
        try folder.write("one.ckpt", model.checkpoint)
        let conversion = try Program.run(["convert", "one.ckpt", "whole", "--dtype", "float32", "-q"], in: folder)
        #expect(conversion.status == 0, "\(conversion.errors)")
        let models = ["./whole", "one.safetensors", "one.ckpt"]
        for (number, model) in models.enumerated() {
            let arguments = ["a.png", "--model", model, "--steps", "2", "--seed", "3", "-o", "\(number).png"]
            let run = try Program.run(arguments, in: folder)
            #expect(run.status == 0, "\(run.errors)")
            #expect(run.errors.contains("starts faster and takes less memory once converted") == (number > 0))
            #expect(try differences(folder.picture("\(number).png").rgb, folder.picture("0.png").rgb) == nil)
        }
        #expect(try Set(folder.picture("0.png").rgb).count > 50)

        // One command is enough for a folder that is as good.
        let verification = try Program.run(["verify", "one.safetensors", "--json", "-q"], in: folder)
        try folder.write("probe.json", verification.output)
        let against = try Program.run(["verify", "./whole", "--against", "probe.json"], in: folder)
        #expect(against.status == 0 && against.errors.contains("figures: unet differs by 0.0e+00"), "\(against.errors)")
        #expect(try Program.run(["verify", "one.ckpt", "--record"], in: folder).status == 2)
    }

    /// The VAE that a file lacks comes from another, of the single-file (LDM) layout or diffusers', for a run and for
    /// `convert`.
    @Test func aMissingVAEIsTakenFromAnotherFile() throws {
        let folder = try TemporaryFolder()
        let model = try OriginalModel()
        let prefix = "first_stage_model."
        try folder.write("a.png", SamplePicture.png(width: 24))
        try folder.write("whole.safetensors", model.safetensors)
        try folder.write("bare.safetensors", model.safetensors { !$0.hasPrefix(prefix) })
        try folder.write("vae.safetensors", model.safetensors { $0.hasPrefix(prefix) })
        let run = ["a.png", "--steps", "1", "--seed", "3", "-q", "-o"]
        #expect(try Program.run(run + ["0.png", "--model", "whole.safetensors"], in: folder).status == 0)

        let refused = try Program.run(run + ["none.png", "--model", "bare.safetensors"], in: folder)
        #expect(refused.status == 3 && refused.errors.contains("give one by --vae"), "\(refused.errors)")
        let none = try Program.run(
            ["convert", "bare.safetensors", "new", "-q", "--vae", "bare.safetensors"], in: folder)
        #expect(none.status == 3 && none.errors.contains("bare.safetensors"), "\(none.errors)")
        #expect(!folder.contents.contains { $0.hasPrefix("none") || $0.hasPrefix("new") })

        let conversion = ["convert", "bare.safetensors", "new", "--dtype", "float32", "-q", "--vae", "vae.safetensors"]
        let converted = try Program.run(conversion, in: folder)
        #expect(converted.status == 0, "\(converted.errors)")
        let models = [
            ["bare.safetensors", "--vae", "vae.safetensors"], ["bare.safetensors", "--vae", "whole.safetensors"],
            ["bare.safetensors", "--vae", "./new"], ["bare.safetensors", "--vae", "new/vae"], ["./new"],
        ]
        for (number, model) in models.enumerated() {
            let outcome = try Program.run(run + ["\(number + 1).png", "--model"] + model, in: folder)
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(try differences(folder.picture("\(number + 1).png").rgb, folder.picture("0.png").rgb) == nil)
        }
    }

    // MARK: - pull

    @Test func pullsThatCannotBeginAreOneSentence() throws {
        let folder = try TemporaryFolder()
        let offline = try Program.run(["pull"], in: folder, environment: ["HF_HUB_OFFLINE": "1"])
        #expect(offline.status == 1 && offline.errorLines.count == 1 && offline.errors.contains("HF_HUB_OFFLINE"))
        let name = try Program.run(["pull", "../etc"], in: folder)
        #expect(name.status == 2 && name.errors.contains("'../etc' is no name of a repository"))
        #expect(folder.contents.isEmpty)
    }

    // MARK: - verify

    @Test func recordedFiguresAreCompared() throws {
        let folder = try folderWithModel()
        #expect(try Program.run(["verify", "./model", "--record"], in: folder).errors.contains("is sound"))
        let again = try Program.run(["verify", "./model"], in: folder)
        #expect(again.status == 0 && again.errors.contains("figures: unet differs by 0.0e+00"))

        // Another weight, still finite and in its place.
        let file = folder.url.appendingPathComponent("model/" + Self.unet)
        var bytes = try Data(contentsOf: file)
        try FileManager.default.removeItem(at: file)
        for index in stride(from: bytes.count - 20_000, to: bytes.count, by: 2) { bytes[index + 1] ^= 0x80 }
        try bytes.write(to: file)
        let changed = try Program.run(["verify", "./model"], in: folder)
        #expect(changed.status == 3 && changed.errors.contains("the figures of unet differ"))
        let file2 = try folder.write("other.json", Data("{}".utf8))
        let against = try Program.run(["verify", "./model", "--against", file2.path], in: folder)
        #expect(against.status == 3)
    }

    @Test func checksumsAreChecked() throws {
        let folder = try folderWithModel()
        let sum = String(repeating: "0", count: 64)
        try folder.write("model/SHA256SUMS", Data("\(sum)  \(Self.unet)\n".utf8))
        let outcome = try Program.run(["verify", "./model"], in: folder)
        #expect(outcome.status == 3 && outcome.errors.contains("\(Self.unet) was changed or damaged"))
        try FileManager.default.removeItem(atPath: folder.path + "/model/SHA256SUMS")
        try folder.write("model/SHA256SUMS", Data("what\n".utf8))
        #expect(try Program.run(["verify", "./model"], in: folder).errors.contains("SHA256SUMS is damaged"))
    }

    /// No file outside of the model is opened because a list names it, and none is waited for.
    @Test(arguments: ["../../../../../../dev/zero", "/dev/zero", "pipe", "nothing", "unet", "."])
    func listsOfChecksumsNameFilesOfTheModelOnly(name: String) throws {
        let folder = try folderWithModel()
        mkfifo(folder.path + "/model/pipe", 0o600)
        try folder.write("model/SHA256SUMS", Data("\(String(repeating: "0", count: 64))  \(name)\n".utf8))
        let outcome = try Program.run(["verify", "./model"], in: folder)
        #expect(outcome.status == 3 && outcome.errorLines.count == 1, "\(outcome.errors)")
        #expect(outcome.errors.contains("cannot be read") && !outcome.errors.contains("write"), "\(outcome.errors)")
    }

    /// What would not load is not written, whatever is wrong with it.
    @Test func conversionsAreCheckedBeforeTheFirstByte() throws {
        let folder = try folderWithModel()
        try FileManager.default.removeItem(atPath: folder.path + "/model/unet")
        try FileManager.default.copyItem(
            atPath: folder.path + "/model/vae", toPath: folder.path + "/model/unet")
        let outcome = try Program.run(["convert", "model", "new"], in: folder)
        #expect(outcome.status == 3 && outcome.errorLines.count == 1, "\(outcome.errors)")
        #expect(!folder.contents.contains { $0.contains("new") })
    }

    // MARK: - inspect

    @Test func modelsAreDescribed() throws {
        let folder = try folderWithModel()
        let byName = try Program.run(["inspect", "cartoonizer-mini"], in: folder)
        #expect(byName.status == 0 && byName.outputText.contains("\nunet: "))
        #expect(byName.outputText.contains("instruction: Cartoonize the following image"))
        let file = try Program.run(["inspect", "model/\(Self.unet)", "--tensors"], in: folder)
        #expect(file.outputText.contains("  conv_in.bias  F16  "))
        let json = try Program.run(["inspect", "model", "--json"], in: folder)
        let object = try JSONSerialization.jsonObject(with: json.output) as? [String: Any]
        let parts = try #require(object?["parts"] as? [String: [String: Any]])
        #expect(Set(parts.keys) == ["unet", "vae", "text_encoder"])
        #expect((parts["unet"]?["parameters"] as? Int ?? 0) > 1_000_000)
        #expect(try Program.run(["inspect", "nothing"], in: folder).status == 4)
    }
}
