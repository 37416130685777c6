import Checkpoints
import Foundation
import StableDiffusion
import TensorKernels

/// What is added to a model: textual inversions, autoencoders, LoRAs and their settings.
extension FuzzCase {
    private static let fixtures = "Tests/StableDiffusionTests/Fixtures"
    private static let checker = "\(fixtures)/safety/safety_checker"
    private static let width = 24

    static let additions = [
        FuzzCase(
            name: "embedding",
            seeds: {
                try ["webui.pt", "diffusers.bin", "paper.safetensors"].map { try file("\(fixtures)/additions/\($0)") }
                    + [tensors(["emb_params": [2, width]]), tensors(["clip_l": [width], "clip_g": [width]])]
            },
            words: [
                "string_to_param", "string_to_token", "emb_params", "clip_g", "\"F16\"", "\"I64\"",
                "ctorch.nn.modules.container\nParameterDict\n", "X\u{4}\u{0}\u{0}\u{0}name", "X\u{1}\u{0}\u{0}\u{0}*",
                ")R", "}b", "s", "u",
            ],
            repair: repairSafetensors,
            read: { input, scratch in
                let inversion = try TextualInversion(scratch.writing(input, as: "a.pt"), width: width)
                precondition(!inversion.vectors.isEmpty && !inversion.token.isEmpty)
                precondition(inversion.vectors.allSatisfy { $0.count == width && $0.allSatisfy(\.isFinite) })
            }),
        FuzzCase(
            name: "autoencoder", seeds: { [tensors(original), tensors(renamed)] },
            words: [
                "first_stage_model.", "encoder.down.", "decoder.up.", "mid.attn_1.", "quant_conv.", "\"F8_E4M3\"",
                "\"shape\":[", "lora_up", "model_ema.",
            ],
            repair: repairSafetensors,
            read: { input, scratch in
                let source = try AutoencoderSource(scratch.writing(input, as: "a.safetensors"))
                for tensor in source.store.tensors { _ = tensor.stored().withBytes { $0.reduce(0, ^) } }
                guard let configuration = source.configuration else { return }
                let file = try scratch.writing([UInt8](configuration), as: "vae.json")
                _ = try AutoencoderConfiguration(contentsOf: file)
            }),
        FuzzCase(
            name: "image-preparation",
            seeds: {
                try [file("\(fixtures)/safety/feature_extractor/preprocessor_config.json")]
                    + [Array(#"{"size": 8, "crop_size": 5, "image_std": [1, 1e-30, 2]}"#.utf8)]
            },
            words: fieldNames(of: CLIPImagePreparation.defaults) + ["\"shortest_edge\"", "\"height\"", "\"width\""],
            read: { input, scratch in
                let file = try scratch.writing(input, as: "preprocessor_config.json")
                let preparation = try CLIPImagePreparation(
                    ConfigurationFields(
                        ConfigurationFile.fields(of: file), file: file.path, defaults: CLIPImagePreparation.defaults))
                guard preparation.cropSize <= 64 else { return }
                let rgb = (0..<3 * 7 * 90).map { UInt8(truncatingIfNeeded: $0) }
                for (width, height) in [(7, 90), (90, 7)] {
                    let pixels = preparation(PixelImage(width: width, height: height, rgb: rgb))
                    precondition(pixels.count == 3 * preparation.cropSize * preparation.cropSize)
                }
            }),
        FuzzCase(
            name: "safety-checker",
            seeds: {
                let text = String(decoding: try file("\(checker)/config.json"), as: UTF8.self)
                return [text, text.replacingOccurrences(of: "vision_config", with: "vision_config_dict")]
                    .map { Array($0.utf8) }
            },
            words: fieldNames(of: CLIPVisionConfiguration.defaults) + ["\"vision_config\"", "\"vision_config_dict\""],
            read: { input, scratch in
                let folder = scratch.appendingPathComponent("safety_checker")
                if !FileManager.default.fileExists(atPath: folder.path) {
                    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                    _ = try folder.writing(file("\(checker)/model.safetensors"), as: "model.safetensors")
                    let other = scratch.appendingPathComponent("feature_extractor")
                    try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
                    _ = try other.writing(
                        file("\(fixtures)/safety/feature_extractor/preprocessor_config.json"),
                        as: "preprocessor_config.json")
                }
                _ = try folder.writing(input, as: "config.json")
                _ = try SafetyChecker(model: scratch, compute: .planner(threads: 1))
            }),
        FuzzCase(
            name: "lora",
            seeds: {
                try ["kohya", "diffusers", "peft", "locon"].map { try file("\(fixtures)/lora/\($0).safetensors") }
            },
            words: [
                ".lora_up.weight", ".lora_down.weight", ".lora_mid.weight", ".alpha", ".lora_A.weight", ".processor.",
                "lora_unet_", "lora_te_", "\"F16\"", "\"I64\"", "dora_scale", "__metadata__", "lora_adapter_metadata",
            ],
            repair: repairSafetensors, read: { try readAdapter(scratch: $1, $0) }),
        FuzzCase(
            name: "lora-settings",
            seeds: {
                [
                    #"{"peft_type": "LORA", "r": 3, "lora_alpha": 2, "alpha_pattern": {"to_q": 2.0}, "use_rslora": true}"#,
                    #"{"unet.r": 3, "unet.lora_alpha": 2, "text_encoder.alpha_pattern": {"self_attn.q_proj": 1e3}}"#,
                ].map { Array($0.utf8) }
            },
            words: ["\"lora_alpha\"", "\"alpha_pattern\"", "\"unet.", "null", "1e999", "-0", "\\u0000", "[[[["],
            read: { input, scratch in
                _ = try scratch.writing(input, as: "adapter_config.json")
                try readAdapter(scratch: scratch, withNote(input, file("\(fixtures)/lora/peft.safetensors")))
            }),
    ]

    // MARK: - LoRAs

    /// Tensors that a LoRA may have places for.
    private static let places: [ModelPart: [TensorEntry]] = {
        do {
            let model = try ModelDirectory(repository.appendingPathComponent("\(fixtures)/tiny-sd"))
            return Dictionary(
                uniqueKeysWithValues: try [ModelPart.unet, .textEncoder].map { ($0, try model.weights(of: $0).weights) }
            )
        } catch {
            preconditionFailure("\(error)")
        }
    }()

    private static func readAdapter(scratch: URL, _ input: [UInt8]) throws {
        let adapter = try LowRankAdapter(
            scratch.writing(input, as: "a.safetensors"), strength: 0.5, model: places)
        precondition(!adapter.updates.isEmpty)
        for update in adapter.updates.values.flatMap(\.values) {
            precondition(update.factor.isFinite)
            let rank = update.down.shape[0]
            precondition(update.up.readFloats().count == update.up.shape[0] * rank)
            for matrix in [update.down, update.middle].compactMap({ $0 }) {
                precondition(matrix.readFloats().count % rank == 0)
            }
        }
    }

    /// The file with a note in its header as diffusers writes it.
    private static func withNote(_ note: [UInt8], _ input: [UInt8]) throws -> [UInt8] {
        let length = (0..<8).reduce(0) { $0 | Int(input[$1]) << (8 * $1) }
        guard var header = try JSONSerialization.jsonObject(with: Data(input[8..<8 + length])) as? [String: Any] else {
            preconditionFailure("a header that is no object")
        }
        header["__metadata__"] = ["lora_adapter_metadata": String(decoding: note, as: UTF8.self)]
        return safetensors([UInt8](try JSONSerialization.data(withJSONObject: header)), input[(8 + length)...])
    }

    // MARK: - Files

    /// An autoencoder of one level in the single-file (LDM) layout, all its layers one channel wide.
    private static let original: [String: [Int]] = {
        var tensors: [String: [Int]] = [:]
        func layer(_ name: String, _ shape: [Int]) {
            tensors["first_stage_model.\(name).weight"] = shape
            tensors["first_stage_model.\(name).bias"] = [1]
        }
        for side in ["encoder", "decoder"] {
            for name in ["conv_in", "conv_out"] { layer("\(side).\(name)", [1, 1, 3, 3]) }
            layer("\(side).norm_out", [1])
            let blocks = [side == "encoder" ? "down.0.block.0" : "up.0.block.0", "mid.block_1", "mid.block_2"]
            for block in blocks {
                for part in ["norm1", "norm2"] { layer("\(side).\(block).\(part)", [1]) }
                for part in ["conv1", "conv2"] { layer("\(side).\(block).\(part)", [1, 1, 3, 3]) }
            }
            for part in ["q", "k", "v", "proj_out"] { layer("\(side).mid.attn_1.\(part)", [1, 1, 1, 1]) }
            layer("\(side).mid.attn_1.norm", [1])
        }
        for name in ["quant_conv", "post_quant_conv"] { layer(name, [1, 1, 1, 1]) }
        return tensors
    }()

    /// Some of one in diffusers' layout.
    private static let renamed = [
        "encoder.conv_in.weight": [1, 1, 3, 3], "decoder.conv_in.weight": [1, 1, 3, 3],
        "encoder.down_blocks.0.resnets.0.conv1.weight": [1, 1, 3, 3],
        "encoder.mid_block.attentions.0.query.weight": [1, 1], "decoder.mid_block.attentions.0.to_q.weight": [1, 1],
    ]

    /// A safetensors file of such tensors, all in float16 and of one value.
    private static func tensors(_ shapes: [String: [Int]]) -> [UInt8] {
        var (header, offset): ([String], Int) = ([], 0)
        for (key, shape) in shapes.sorted(by: { $0.key < $1.key }) {
            let end = offset + 2 * shape.reduce(1, *)
            header.append("\"\(key)\":{\"dtype\":\"F16\",\"shape\":\(shape),\"data_offsets\":[\(offset),\(end)]}")
            offset = end
        }
        let values = [UInt8](repeating: 0x3C, count: offset)
        return safetensors(Array("{\(header.joined(separator: ","))}".utf8), values[...])
    }

    private static func safetensors(_ header: [UInt8], _ values: ArraySlice<UInt8>) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) } + header + values
    }
}
