import Foundation
import StableDiffusion

extension FuzzCase {
    private static let model = "Models/cartoonizer-mini"
    private static let tinyTokenizer = "Tests/StableDiffusionTests/Fixtures/tiny-sd/tokenizer"
    private static let prompt = "Cartoonize it's 2 CATS, é日本 👍🏽 <|endoftext|>!?"

    static let modelFiles = [
        FuzzCase(
            name: "config",
            seeds: {
                try configurations(of: ["unet", "vae", "text_encoder"], "config.json")
                    + [file("Tests/StableDiffusionTests/Fixtures/taesd-odd/config.json")]
            },
            words: fieldNames(
                of: UNetConfiguration.defaults, VAEConfiguration.defaults, CLIPTextConfiguration.defaults,
                TinyAutoencoderConfiguration.defaults),
            read: { input, scratch in
                let file = try scratch.writing(input, as: "config.json")
                // An input is a file of one part, and must be refused by the others.
                var refusal: (any Error)?
                for read in [
                    { _ = try UNetConfiguration(contentsOf: file) },
                    { _ = try AutoencoderConfiguration(contentsOf: file) },
                    { _ = try CLIPTextConfiguration(contentsOf: file) },
                ] {
                    do { return try read() } catch { refusal = error }
                }
                if let refusal { throw refusal }
            }),
        FuzzCase(
            name: "scheduler", seeds: { try configurations(of: ["scheduler"], "scheduler_config.json") + schedulers() },
            words: SamplerKind.allCases.map(\.className) + [
                "\"linspace\"", "\"leading\"", "\"trailing\"", "\"v_prediction\"", "\"sample\"", "\"trained_betas\"",
                "\"use_karras_sigmas\"", "\"rescale_betas_zero_snr\"", "\"final_sigmas_type\"",
            ],
            read: readScheduler),
        FuzzCase(
            name: "vocabulary", seeds: { [try file("\(tinyTokenizer)/vocab.json"), Array(#"{"a": 0}"#.utf8)] },
            words: ["\\u0000", "\\ud83d\\ude00", "\\n", "</w>", "<|endoftext|>"],
            read: { try readTokenizer($0, as: "vocab.json", scratch: $1) }),
        FuzzCase(
            name: "merges", seeds: { [try file("\(tinyTokenizer)/merges.txt"), Array("#version: 0.2\na t\n".utf8)] },
            words: ["\n", " ", "\r\n", "</w>", "#version"],
            read: { try readTokenizer($0, as: "merges.txt", scratch: $1) }),
        FuzzCase(
            name: "tokenizer-file", seeds: { try [true, false].map { try Array(tokenizerFile(pairs: $0).utf8) } },
            words: [
                "\"model\"", "\"vocab\"", "\"merges\"", "\"added_tokens\"", "\"BPE\"", "</w>", "[\"a\",\"b\"]",
                "\"id\"",
            ],
            read: { input, scratch in
                _ = try scratch.writing(input, as: "tokenizer.json")
                let tokenizer = try CLIPTokenizer(folder: scratch)
                precondition(tokenizer.encode(prompt).count == tokenizer.modelMaxLength)
            }),
        FuzzCase(
            name: "added-tokens", seeds: { [Array(#"{"<cat-toy>": 49408, "<dog>": 49409}"#.utf8)] },
            words: ["<|endoftext|>", "\\u0000", "16777216"],
            read: { input, scratch in
                _ = try scratch.writing(input, as: "added_tokens.json")
                try readTokenizer(Array("{}".utf8), as: "tokenizer_config.json", scratch: scratch)
            }),
        FuzzCase(
            name: "tokenizer-settings",
            seeds: {
                try [tinyTokenizer, "\(model)/tokenizer"].map { try file("\($0)/tokenizer_config.json") }
                    + [file("\(tinyTokenizer)/tokenizer_config.json") + Array(" ".utf8), Array(declaredTokens.utf8)]
            },
            words: ["model_max_length", "pad_token", "added_tokens_decoder", "normalized", "<|endoftext|>"],
            read: { try readTokenizer($0, as: "tokenizer_config.json", scratch: $1) }),
        FuzzCase(
            name: "text", seeds: { [Array(prompt.utf8), Array("e\u{301}\u{1112}\u{1161}\u{11AB} Σς İ".utf8)] },
            words: ["\u{301}", "\u{315}", "\u{200D}", "\u{FE0F}", "\u{1F1EB}", "\u{FEFF}", "\u{2028}", "'ll", "<|"],
            read: { input, _ in
                let ids = wholeTokenizer.encode(String(decoding: input, as: UTF8.self))
                precondition(ids.count == wholeTokenizer.modelMaxLength)
            }),
    ]

    // MARK: - Tokenizers

    private static let declaredTokens = #"""
        {"model_max_length": 77, "bos_token": "<|startoftext|>", "eos_token": {"content": "<|endoftext|>", "normalized": true},
        "added_tokens_decoder": {"49407": {"content": "<|endoftext|>", "special": true, "normalized": false}}}
        """#

    /// The small tokenizer in one file, its merges as pairs or as texts.
    private static func tokenizerFile(pairs: Bool) throws -> String {
        func text(_ name: String) throws -> String {
            String(decoding: try file("\(tinyTokenizer)/\(name)"), as: UTF8.self)
        }
        let merges = try text("merges.txt").split(separator: "\n").dropFirst().filter { !$0.contains("\"") }.map {
            line in
            pairs ? "[\"" + line.replacingOccurrences(of: " ", with: "\",\"") + "\"]" : "\"\(line)\""
        }
        return """
            {"added_tokens": [{"id": 7, "content": "<|endoftext|>", "normalized": true}], "model": {"type": "BPE",
            "end_of_word_suffix": "</w>", "vocab": \(try text("vocab.json")), "merges": [\(merges.joined(separator: ","))]}}
            """
    }

    private static let wholeTokenizer: CLIPTokenizer = {
        do {
            return try CLIPTokenizer(folder: repository.appendingPathComponent("\(model)/tokenizer"))
        } catch {
            preconditionFailure("\(error)")
        }
    }()

    /// A folder with the small tokenizer's files, of which the input takes the place of one.
    @Sendable private static func readTokenizer(_ input: [UInt8], as name: String, scratch: URL) throws {
        for other in ["vocab.json", "merges.txt", "tokenizer_config.json"] where other != name {
            let copy = scratch.appendingPathComponent(other)
            if FileManager.default.fileExists(atPath: copy.path) { continue }
            _ = try scratch.writing(file("\(tinyTokenizer)/\(other)"), as: other)
        }
        _ = try scratch.writing(input, as: name)
        let tokenizer = try CLIPTokenizer(folder: scratch)
        precondition(tokenizer.encode(prompt).count == tokenizer.modelMaxLength)
    }

    // MARK: - Configurations

    static func fieldNames(of tables: [String: JSONValue]...) -> [String] {
        Set(tables.flatMap(\.keys)).sorted().map { "\"\($0)\"" }
    }

    private static func configurations(of parts: [String], _ name: String) throws -> [[UInt8]] {
        let models = [model] + ["tiny-sd", "tiny-v", "tiny-sample"].map { "Tests/StableDiffusionTests/Fixtures/\($0)" }
        return try models.flatMap { model in try parts.map { try file("\(model)/\($0)/\(name)") } }
    }

    /// A file for each class with the fields that some class reads.
    private static func schedulers() -> [[UInt8]] {
        SamplerKind.allCases.map { kind in
            Array(
                """
                {"_class_name": "\(kind.className)", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
                "num_train_timesteps": 1000, "timestep_spacing": "trailing", "steps_offset": 1, "prediction_type": "epsilon",
                "use_karras_sigmas": false, "solver_order": 2, "trained_betas": null, "clip_sample": false,
                "set_alpha_to_one": false, "skip_prk_steps": true, "final_sigmas_type": "zero", "lower_order_final": true,
                "rescale_betas_zero_snr": false, "original_inference_steps": 50, "timestep_scaling": 10.0,
                "solver_type": "midpoint", "disable_corrector": [], "sigma_min": null, "sigma_max": null}
                """.utf8)
        }
    }

    /// Makes a sampler from the file, of its own class or another, and takes some steps.
    @Sendable private static func readScheduler(_ input: [UInt8], scratch: URL) throws {
        let configuration = try SchedulerConfiguration(json: scratch.writing(input, as: "scheduler_config.json"))
        let choice = input.count % (SamplerKind.allCases.count + 2)
        let kind =
            try choice < SamplerKind.allCases.count ? SamplerKind.allCases[choice] : configuration.samplerKind()
        var sampler = try kind.makeSampler(configuration, steps: 1 + input.count % 23)
        var random = TorchRandom(seed: 1)
        var latents = random.normal(count: 4)
        for step in sampler.timesteps.indices {
            latents = sampler.step(
                sampler.scaleModelInput(latents, step: step), step: step, latents: latents, random: &random)
        }
        precondition(latents.count == 4)
    }
}
