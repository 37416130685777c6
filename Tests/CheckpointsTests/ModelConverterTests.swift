import Checkpoints
import Foundation
import TestSupport
import Testing

@Suite struct ModelConverterTests {
    /// A folder with a tokenizer's two files.
    private func tokenizer(in folder: TemporaryFolder) throws -> URL {
        let url = folder.url.appendingPathComponent("words")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        _ = try folder.write("{}".utf8, as: "words/vocab.json")
        _ = try folder.write("a b".utf8, as: "words/merges.txt")
        return url
    }

    @Test(arguments: ["original.ckpt", "original-half.safetensors"], WeightPrecision.allCases)
    func singleFilesBecomeFolders(_ name: String, precision: WeightPrecision) throws {
        let folder = try TemporaryFolder()
        let destination = folder.url.appendingPathComponent("model")
        let converter = try ModelConverter(
            source: fixture(name), precision: precision, tokenizer: tokenizer(in: folder))
        #expect(converter.hasEMA)
        var seen = 0
        let report = try converter.convert(to: destination) { written in
            #expect(written > seen && !FileManager.default.fileExists(atPath: destination.path))
            seen = written
        }
        #expect(seen == converter.outputBytes && report.overflows.isEmpty)
        #expect(try folder.names == ["model", "words"])

        let goldens = try OriginalGoldens(name).parts
        for part in ModelPart.allCases {
            let store = try WeightStore(
                folder: destination.appendingPathComponent(part.rawValue), name: part.weightName)
            for (key, golden) in try #require(goldens[part.rawValue]) {
                let tensor = try store.tensor(key, shape: golden.shape)
                #expect(tensor.dataType == (precision == .float16 ? .float16 : .float32))
                if precision == .float32 || name == "original-half.safetensors" {  // nothing was rounded
                    #expect(try float32Bits(tensor).withUnsafeBytes { crc32($0) } == golden.crc, "\(part) \(key)")
                }
            }
            try store.requireAllRead()
        }
        for path in ["model_index.json", "unet/config.json", "scheduler/scheduler_config.json", "tokenizer/merges.txt"]
        {
            #expect(FileManager.default.fileExists(atPath: destination.appendingPathComponent(path).path), "\(path)")
        }
    }

    /// A diffusers folder of .bin files, as published, with values that float16 cannot hold.
    private func publishedModel(in folder: TemporaryFolder) throws -> URL {
        let model = folder.url.appendingPathComponent("published")
        for part in ["unet", "vae", "text_encoder", "safety_checker", "tokenizer", "scheduler"] {
            try FileManager.default.createDirectory(
                at: model.appendingPathComponent(part), withIntermediateDirectories: true)
        }
        let torch = try Data(contentsOf: fixture("views.bin"))
        _ = try folder.write(torch, as: "published/unet/diffusion_pytorch_model.bin")
        _ = try folder.write(
            Data(contentsOf: fixture("views-legacy.bin")), as: "published/vae/diffusion_pytorch_model.bin")
        _ = try folder.write(torch, as: "published/safety_checker/pytorch_model.bin")
        let values: [Float] = [65519, 65520, -1e30, .infinity, .nan, 1]
        let header = #"{"w":{"dtype":"F32","shape":[6],"data_offsets":[0,24]}}"#
        _ = try folder.write(
            safetensors(header, data: values.withUnsafeBytes { Array($0) }),
            as: "published/text_encoder/model.safetensors")
        for path in [
            "model_index.json", "scheduler/scheduler_config.json", "unet/config.json", "vae/config.json",
            "text_encoder/config.json", "tokenizer/vocab.json", "unet/diffusion_pytorch_model.bin.index.json",
        ] {
            _ = try folder.write("{\"path\":\"\(path)\"}".utf8, as: "published/\(path)")
        }
        _ = try folder.write("a b".utf8, as: "published/tokenizer/merges.txt")
        _ = try folder.write("not needed".utf8, as: "published/README.md")
        return model
    }

    @Test func foldersAreConverted() throws {
        let folder = try TemporaryFolder()
        let destination = folder.url.appendingPathComponent("model")
        let converter = try ModelConverter(source: publishedModel(in: folder), precision: .float16)
        let report = try converter.convert(to: destination)
        #expect(report.overflows == ["text_encoder/w": 2])

        let expected = Dictionary(uniqueKeysWithValues: try readTensors(fixture("views.bin")).map { ($0.key, $0) })
        for (part, name) in [("unet", "diffusion_pytorch_model"), ("safety_checker", "model")] {
            let store = try WeightStore(folder: destination.appendingPathComponent(part), name: name)
            for converted in store.tensors {
                let source = try #require(expected[converted.key])
                #expect(converted.dataType == .float16 && converted.shape == source.shape)
                let rounded = try float32Bits(source.stored()).map { Float(Float16(Float(bitPattern: $0))).bitPattern }
                #expect(try differences(float32Bits(converted.stored()), rounded) == nil, "\(converted.key)")
            }
            // Of the UNet no integers and nothing empty; a safety checker stays whole.
            let kept = expected.values.filter {
                part == "unet"
                    ? $0.dataType.isWeightType && !$0.shape.contains(0) && !$0.key.hasSuffix("position_ids")
                    : $0.key != "model.position_ids"
            }
            #expect(Set(store.tensors.map(\.key)) == Set(kept.map(\.key)), "\(part)")
        }
        #expect(
            try String(contentsOf: destination.appendingPathComponent("unet/config.json"), encoding: .utf8)
                == "{\"path\":\"unet/config.json\"}")
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: destination.appendingPathComponent("unet").path)
                .sorted()
                == ["config.json", "diffusion_pytorch_model.safetensors"])
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: destination.path).sorted() == [
                "model_index.json", "safety_checker", "scheduler", "text_encoder", "tokenizer", "unet", "vae",
            ])
    }

    private struct Cancelled: Error {}

    @Test func interruptedConversionsLeaveNothing() throws {
        let folder = try TemporaryFolder()
        let destination = folder.url.appendingPathComponent("model")
        let converter = try ModelConverter(source: publishedModel(in: folder), precision: .float32)
        for limit in [0, 200, converter.outputBytes - 1] {
            #expect(throws: Cancelled.self) {
                _ = try converter.convert(to: destination) { if $0 > limit { throw Cancelled() } }
            }
            #expect(try folder.names == ["published"])
        }
        _ = try converter.convert(to: destination)
        #expect(
            checkpointError { _ = try converter.convert(to: destination) } == .destinationExists(file: destination.path)
        )
        #expect(try folder.names == ["model", "published"])
    }

    @Test func destinationsThatCannotBeAreNamed() throws {
        let folder = try TemporaryFolder()
        let converter = try ModelConverter(source: publishedModel(in: folder), precision: .float32)
        let file = try folder.write([1], as: "file")
        #expect(checkpointError { _ = try converter.convert(to: file) } == .destinationExists(file: file.path))
        let nowhere = folder.url.appendingPathComponent("missing/model")
        #expect(
            checkpointError { _ = try converter.convert(to: nowhere) }
                == .cannotWrite(file: nowhere.path, reason: "No such file or directory"))
        let empty = folder.url.appendingPathComponent("empty")
        try FileManager.default.createDirectory(at: empty, withIntermediateDirectories: false)
        _ = try converter.convert(to: empty)
    }

    @Test func sourcesThatAreNoModelAreNamed() throws {
        let folder = try TemporaryFolder()
        func message(_ source: URL, useEMA: Bool = false) throws -> String {
            let error = checkpointError {
                _ = try ModelConverter(source: source, precision: .float16, useEMA: useEMA)
            }
            return "\(try #require(error))"
        }
        #expect(try message(folder.url.appendingPathComponent("missing")).contains("does not exist"))
        #expect(try message(folder.url).contains("holds no weights"))
        #expect(try message(fixture("views.bin")).contains("no model in the original single-file layout"))
        #expect(try message(fixture("original.ckpt")).contains("no tokenizer"))
        let model = try publishedModel(in: folder)
        #expect(try message(model, useEMA: true).contains("averaged weights"))
        for path in ["tokenizer/merges.txt", "unet/config.json", "model_index.json"] {
            try FileManager.default.removeItem(at: model.appendingPathComponent(path))
            #expect(try message(model).contains("\(path) does not exist"))
        }
        try FileManager.default.removeItem(at: model.appendingPathComponent("vae/diffusion_pytorch_model.bin"))
        #expect(try message(model).contains("looked for diffusion_pytorch_model.safetensors"))
    }
}
