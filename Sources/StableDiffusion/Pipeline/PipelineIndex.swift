/// A `model_index.json`: which pipeline a model is made for, and which classes read its parts.
struct PipelineIndex {
    static let pipeline = "StableDiffusionInstructPix2PixPipeline"

    /// The class that reads the scheduler's file, where the index names one.
    let schedulerClass: String?
    /// The name of another pipeline whose models may have InstructPix2Pix's UNet, which has to be looked at.
    let otherPipeline: String?

    /// Whether the index says that there is no safety checker.
    let isWithoutSafetyChecker: Bool

    /// - Throws: `ConfigurationError` for a pipeline of another kind.
    init(_ fields: [String: JSONValue], file: String) throws {
        let name = fields["_class_name"]?.string
        func refusal(_ kind: String) -> ConfigurationError {
            ConfigurationError(
                file: file,
                reason: "_class_name is \(fields["_class_name"] ?? .null), \(kind); \(Self.pipeline) is what works here"
            )
        }
        switch name {
        case nil, Self.pipeline: otherPipeline = nil
        case let name? where name.contains("XL") || fields["text_encoder_2"]?.namesClass == true:
            throw refusal("a Stable Diffusion XL")
        case let name? where name.contains("ControlNet"): throw refusal("a ControlNet with its model")
        case let name? where name.hasPrefix("Onnx") || name.hasPrefix("OV"): throw refusal("a compiled form")
        case let name? where name.hasPrefix("Flax"): throw refusal("in Flax's format")
        case let name? where name.hasPrefix("StableDiffusion3") || !name.hasPrefix("StableDiffusion"):
            throw refusal("another kind of model")
        case let name?: otherPipeline = name
        }
        schedulerClass = fields["scheduler"]?.className
        let checker = fields["safety_checker"]
        isWithoutSafetyChecker = checker.map { !$0.namesClass } ?? false
    }
}

extension JSONValue {
    /// The class of a part: `["diffusers", "DDIMScheduler"]`.
    fileprivate var className: String? {
        guard case .array(let words) = self, words.count == 2 else { return nil }
        return words[1].string
    }

    fileprivate var namesClass: Bool { className != nil }
}
