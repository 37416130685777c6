import Checkpoints
import Files
import Foundation
import Testing

/// Single files as people have them: with leftovers of training and merging, other spellings, formats and wrappers. What is
/// made of them is what diffusers makes of the file that they were made from.
@Suite struct PeculiarCheckpointTests {
    private struct Value {
        var type: DataType
        var shape: [Int]
        var bytes: [UInt8]

        /// A tensor of that many zeros.
        static func zeros(_ shape: [Int], _ type: DataType = .float16) -> Value {
            Value(type: type, shape: shape, bytes: [UInt8](repeating: 0, count: shape.reduce(type.byteCount, *)))
        }
    }

    private static let name = "original-half.safetensors"
    private static let unet = "model.diffusion_model."
    private static let vae = "first_stage_model."
    private static let text = "cond_stage_model.transformer."

    /// The fixture with changes, as a file.
    private func changed(
        _ folder: TemporaryFolder, as name: String = "changed.safetensors", _ change: (inout [String: Value]) -> Void
    ) throws -> URL {
        var values: [String: Value] = [:]
        for entry in try readTensors(fixture(Self.name)) {
            values[entry.key] = Value(
                type: entry.dataType, shape: entry.shape, bytes: entry.stored().withBytes { [UInt8]($0) })
        }
        change(&values)
        let url = folder.url.appendingPathComponent(name)
        let writer = try SafetensorsWriter(
            url, tensors: values.map { .init(key: $0.key, dataType: $0.value.type, shape: $0.value.shape) })
        for tensor in writer.tensors {
            try #require(values[tensor.key]).bytes.withUnsafeBytes { try writer.append($0) }
        }
        try writer.finish()
        return url
    }

    /// Every tensor must be there with its golden values, and nothing may be left over.
    private func expectGolden(_ url: URL, _ what: String) throws {
        let checkpoint = try SingleFileCheckpoint(url)
        for (part, tensors) in try OriginalGoldens(Self.name).parts {
            guard let part = ModelPart(rawValue: part) else { continue }  // the averages
            let store = checkpoint.weightStore(part)
            for (key, golden) in tensors {
                let bits = try float32Bits(store.tensor(key, shape: golden.shape))
                #expect(bits.withUnsafeBytes { crc32($0) } == golden.crc, "\(what): \(part) \(key)")
            }
            #expect(store.unreadKeys.isEmpty, "\(what)")
        }
    }

    @Test func leftoversDoNoHarm() throws {
        let folder = try TemporaryFolder()
        let url = try changed(folder) { values in
            for key in [
                "betas", "alphas_cumprod", "control_model.x", "denoiser.sigmas", "logvar", "model_ema.decay",
                Self.unet + "betas", Self.unet + "time_embedding.cond_proj.weight", Self.vae + "model_ema.decoder.x",
                Self.vae + "loss.logvar", Self.text + "text_projection.weight", Self.text + "logit_scale",
                Self.text + "text_model.embeddings.position_ids", "embedding_manager.string_to_param_dict.*",
            ] { values[key] = .zeros([2]) }
            values[Self.unet + "counter"] = .zeros([4], .int64)
            values["ztsnr"] = .zeros([0])
        }
        try expectGolden(url, "leftovers")
        // What is no known leftover means that the file is of another architecture.
        let other = try changed(folder) { $0[Self.unet + "input_blocks.1.0.scale_weight"] = .zeros([1]) }
        #expect("\(try #require(checkpointError { _ = try SingleFileCheckpoint(other) }))".contains("has no place"))
    }

    @Test(
        arguments: [2, 3, 4],
        [
            ["norm", "q", "k", "v", "proj_out"], ["group_norm", "query", "key", "value", "proj_attn"],
            ["group_norm", "to_q", "to_k", "to_v", "to_out.0"],
        ])
    func attentionOfTheVAEHasManySpellings(rank: Int, names: [String]) throws {
        let folder = try TemporaryFolder()
        let url = try changed(folder) { values in
            for side in ["encoder", "decoder"] {
                for (old, new) in zip(["norm", "q", "k", "v", "proj_out"], names) {
                    for kind in ["weight", "bias"] {
                        let prefix = "\(Self.vae)\(side).mid.attn_1."
                        guard var value = values.removeValue(forKey: "\(prefix)\(old).\(kind)") else { continue }
                        if value.shape.count == 4 { value.shape = Array(value.shape.prefix(rank)) }
                        values["\(prefix)\(new).\(kind)"] = value
                    }
                }
            }
        }
        try expectGolden(url, "\(names) of rank \(rank)")
    }

    @Test func wrappersAndOldTextKeysAreSeenThrough() throws {
        let folder = try TemporaryFolder()
        for prefix in ["module.", "_orig_mod.", "state_dict.", "pipeline.model_1."] {
            try expectGolden(
                changed(folder) { values in
                    values = Dictionary(uniqueKeysWithValues: values.map { (prefix + $0.key, $0.value) })
                }, prefix)
        }
        let renamings = [
            (Self.unet, Self.unet + "_orig_mod."), (Self.vae, Self.vae + "module."),
            (Self.text, "cond_stage_model.clip_l.transformer."),
        ]
        for (own, other) in renamings {
            try expectGolden(
                changed(folder) { values in
                    for key in values.keys where key.hasPrefix(own) {
                        values[other + key.dropFirst(own.count)] = values.removeValue(forKey: key)
                    }
                }, other)
        }
        let url = try changed(folder) { values in
            for key in values.keys where key.hasPrefix(Self.text + "text_model.") {
                values[Self.text + key.dropFirst((Self.text + "text_model.").count)] = values.removeValue(forKey: key)
            }
        }
        let store = try SingleFileCheckpoint(url).weightStore(.textEncoder)
        #expect(store.contains("final_layer_norm.weight") && !store.contains("text_model.final_layer_norm.weight"))
    }

    /// Wider and narrower formats are read, and converted to what they hold.
    @Test(arguments: [DataType.float64, .float8e5m2, .float8e4m3])
    func otherFloatFormatsAreConverted(type: DataType) throws {
        let folder = try TemporaryFolder()
        let url = try changed(folder) { values in
            for (key, value) in values where value.type == .float16 {
                let halves = value.bytes.withUnsafeBytes { Array($0.bindMemory(to: Float16.self)) }
                let bytes: [UInt8] =
                    switch type {
                    case .float64: halves.flatMap { half in withUnsafeBytes(of: Double(half)) { [UInt8]($0) } }
                    case .float8e5m2: halves.map { UInt8($0.bitPattern >> 8) }
                    default: halves.map { $0 < 0 ? 0xB8 : 0x38 }  // -1 and 1
                    }
                values[key] = Value(type: type, shape: value.shape, bytes: bytes)
            }
        }
        let store = try SingleFileCheckpoint(url).weightStore(.unet)
        let source = try SingleFileCheckpoint(fixture(Self.name)).weightStore(.unet)
        for precision in WeightPrecision.allCases {
            let converter = try PartConverter(
                folder: "unet", weightName: "weights", store: store, precision: precision)
            let output = folder.url.appendingPathComponent("\(precision).safetensors")
            var report = ModelConverter.Report()
            try converter.write(to: output, report: &report) { _ in }
            #expect(report.overflows.isEmpty)
            for entry in try readTensors(output) {
                let halves = try float32Bits(source.tensor(entry.key, shape: entry.shape)).map(Float.init(bitPattern:))
                let expected: [Float] =
                    switch type {
                    case .float64: halves
                    case .float8e5m2: halves.map { Float(Float16(bitPattern: Float16($0).bitPattern & 0xFF00)) }
                    default: halves.map { $0 < 0 ? -1 : 1 }
                    }
                #expect(try float32Bits(entry.stored()) == expected.map(\.bitPattern), "\(entry.key)")
            }
        }
    }

    /// What is given by mistake is named for what it is.
    @Test(arguments: [
        ("a LoRA", ["lora_unet_down_blocks_0.lora_down.weight", "lora_unet_down_blocks_0.alpha"], [4, 32]),
        ("a LoRA", ["unet.down_blocks.0.attn1.to_q.lora_A.weight"], [4, 32]),
        ("a LoRA", ["lora_unet_x.hada_w1_a"], [4, 32]), ("a textual inversion", ["emb_params"], [8, 768]),
        ("a textual inversion", ["<cat-toy>"], [768]),
        ("a VAE", ["encoder.conv_in.weight", "decoder.conv_in.weight"], [4]),
        ("only a UNet", ["input_blocks.0.0.weight"], [4]),
        ("only a UNet", ["down_blocks.0.resnets.0.conv1.weight"], [4]),
        ("a ControlNet", ["input_hint_block.0.weight"], [4]),
        ("a ControlNet", ["controlnet_cond_embedding.conv_in.weight", "down_blocks.0.x.weight"], [4]),
        ("an adapter", ["image_proj.proj.weight", "ip_adapter.1.to_k_ip.weight"], [4]),
        ("an adapter", ["adapter.body.0.in_conv.weight"], [4]),
        ("a motion module", ["down_blocks.0.motion_modules.0.temporal_transformer.norm.weight"], [4]),
        ("only a text encoder", ["text_model.embeddings.token_embedding.weight"], [4]),
        (
            "a Stable Diffusion 2", ["model.diffusion_model.out.2.weight", "cond_stage_model.model.ln_final.weight"],
            [4]
        ),
        ("a Stable Diffusion XL", ["model.diffusion_model.out.2.weight", "conditioner.embedders.0.x"], [4]),
        ("another architecture", ["model.diffusion_model.joint_blocks.0.x"], [4]),
        ("averaged (EMA)", ["model_ema.diffusion_modelout2weight"], [4]),
        ("no model in the original single-file layout", ["something.weight"], [4]),
    ])
    func otherKindsAreNamed(words: String, keys: [String], shape: [Int]) throws {
        let folder = try TemporaryFolder()
        let url = try changed(folder) { values in
            values = Dictionary(uniqueKeysWithValues: keys.map { ($0, .zeros(shape)) })
        }
        let error = "\(try #require(checkpointError { _ = try SingleFileCheckpoint(url) }))"
        #expect(error.contains(words), "\(error)")
    }

    @Test(arguments: [
        ("Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        ("HTML page", "<!DOCTYPE html><html>"), ("HTML page", "\n <HTML><body>"), ("XML file", "<?xml version='1.0'?>"),
        ("server's error", "{\"error\":\"Repository not found\"}"), ("zeros", String(repeating: "\0", count: 512)),
        ("GGUF", "GGUF\u{3}\u{0}"), ("ONNX", "\u{8}\u{7}\u{12}\u{7}pytorch"), ("RAR", "Rar!"), ("7z", "7z\u{BC}"),
    ])
    func otherFilesAreNamed(words: String, start: String) throws {
        let folder = try TemporaryFolder()
        var bytes = [UInt8](start.utf8)
        if words == "7z" { bytes = [0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C] }
        let url = try folder.write(bytes + [UInt8](repeating: 32, count: 300), as: "model.safetensors")
        let error = "\(try #require(checkpointError { _ = try readTensors(url) }))"
        #expect(error.contains(words), "\(error)")
    }

    /// Variants and pieces under every name that diffusers has written.
    @Test(arguments: [
        ["model.safetensors"], ["model.fp16.safetensors"], ["model.non_ema.safetensors"],
        ["model.safetensors.index.json", "model-00001-of-00001.safetensors"],
        ["model.safetensors.index.fp16.json", "model.fp16-00001-of-00001.safetensors"],
        ["model.fp16.safetensors.index.json", "model-00001-of-00001.fp16.safetensors"],
    ])
    func variantsAreFound(files: [String]) throws {
        let folder = try TemporaryFolder()
        let weights = safetensors(#"{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}"#, data: [0, 0])
        _ = try folder.write(weights, as: files.last ?? "")
        if files.count > 1 {
            #expect(throws: CheckpointError.self) { try WeightStore(folder: folder.url, name: "model") }
            _ = try folder.write(Array(#"{"weight_map": {"a": "\#(files[1])"}}"#.utf8), as: files[0])
        }
        #expect(try WeightStore(folder: folder.url, name: "model").contains("a"))
        #expect(missingWeightFiles(folder: folder.url, name: "model").isEmpty)
        try FileManager.default.removeItem(at: folder.url.appendingPathComponent(files.last ?? ""))
        #expect(!missingWeightFiles(folder: folder.url, name: "model").isEmpty)
    }

    /// Leftovers of killed conversions go with the next, those that are being filled stay.
    @Test func leftoversOfKilledConversionsAreRemoved() throws {
        let folder = try TemporaryFolder()
        func leftover(_ name: String) throws -> String {
            let path = TemporaryPaths.path(beside: folder.url.appendingPathComponent(name).path)
            try FileManager.default.createDirectory(atPath: path + "/unet", withIntermediateDirectories: true)
            return FilePath(path).name
        }
        let (ours, others) = (try leftover("new"), try leftover("other"))
        let words = folder.url.appendingPathComponent("words")
        try FileManager.default.createDirectory(at: words, withIntermediateDirectories: false)
        for name in ["vocab.json", "merges.txt"] { _ = try folder.write("{}".utf8, as: "words/\(name)") }
        let converter = try ModelConverter(source: fixture(Self.name), precision: .float16, tokenizer: words)
        let destination = folder.url.appendingPathComponent("new")
        let error = checkpointError {
            _ = try converter.convert(to: destination) { _ in
                // Another conversion to the same place finds this one at work, leaves it alone and is done sooner.
                let filled = try folder.names.filter { $0.hasSuffix(".partial") && $0 != others }
                #expect(filled.count == 1 && filled != [ours])
                _ = try? converter.convert(to: destination)
                #expect(try folder.names.contains(filled[0]))
            }
        }
        #expect(error == .destinationExists(file: destination.path))
        #expect(try folder.names == [others, "new", "words"])
    }

    @Test func changedFilesAreNoticedWhileTheyAreConverted() throws {
        let folder = try TemporaryFolder()
        let source = try changed(folder) { _ in }
        let words = folder.url.appendingPathComponent("words")
        try FileManager.default.createDirectory(at: words, withIntermediateDirectories: false)
        for name in ["vocab.json", "merges.txt"] { _ = try folder.write("{}".utf8, as: "words/\(name)") }
        let converter = try ModelConverter(source: source, precision: .float16, tokenizer: words)
        var isTouched = false
        let error = checkpointError {
            _ = try converter.convert(to: folder.url.appendingPathComponent("new")) { _ in
                if isTouched { return }
                isTouched = true
                try FileManager.default.setAttributes(
                    [.modificationDate: Date(timeIntervalSince1970: 1)], ofItemAtPath: source.path)
            }
        }
        #expect(error == .changed(file: source.path))
        #expect(try folder.names == ["changed.safetensors", "words"])
    }
}
