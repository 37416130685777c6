import TensorKernels

/// All that decides how an image comes out beside the photo, the model and the seed.
///
/// This is the one place that lists the settings of a run: its JSON is in reports and manifests, its text inside images,
/// and two images were made alike if theirs are equal. A model's own are in `ModelDirectory.defaults`.
public struct GenerationSettings: Codable, Equatable, Sendable {
    /// What to do with the image; cut off at the tokenizer's `modelMaxLength`.
    public var instruction = "Cartoonize the following image"
    /// What the image should not become; has an effect only where guidance is on.
    public var negativePrompt = ""
    /// 1 to 1000.
    public var steps = 20
    /// What takes the latents from noise to an image.
    public var sampler: SamplerKind
    /// How strongly the instruction counts, 0 to 1000: the text scale of InstructPix2Pix. 1 or less turns guidance off.
    public var guidanceScale: Float = 7.5
    /// How strongly the input photo is kept, 0 to 1000: the image scale of InstructPix2Pix.
    public var imageGuidanceScale: Float = 1.5
    /// The LoRAs that were merged into the model's weights, in order; nil without one.
    public var loras: [LoRA]?

    /// The textual inversions whose words the model was given, in order; nil without one.
    public var embeddings: [String]?

    /// The autoencoder that took the place of the model's own; nil without one.
    public var vae: String?

    /// How exactly products are computed.
    public var precision: Precision {
        get { otherPrecision ?? .full }
        set { otherPrecision = newValue == .full ? nil : newValue }
    }
    /// nil for full.
    private var otherPrecision: Precision?

    /// A LoRA, as settings name it.
    public struct LoRA: Codable, Equatable, Sendable {
        /// The file's name without its extension.
        public var name: String
        /// By what it was multiplied.
        public var strength: Float
    }

    /// The names in JSON.
    enum CodingKeys: String, CodingKey {
        case instruction
        case negativePrompt = "negative"
        case steps
        case sampler
        case guidanceScale = "guidance"
        case imageGuidanceScale = "imageGuidance"
        case loras
        case embeddings
        case vae
        case otherPrecision = "precision"
    }

    /// What models of this kind are usually run with.
    public init(sampler: SamplerKind) { self.sampler = sampler }

    /// Which branches the two scales take.
    public var guidance: Guidance { Guidance(textScale: guidanceScale, imageScale: imageGuidanceScale) }

    /// The texts that are encoded: the instruction and, if the guidance needs it, the negative prompt.
    var encodedTexts: [String] { [instruction] + (guidance == .off ? [] : [negativePrompt]) }

    /// Which setting is not in its range, as the sentence `steps takes a number from ...`; nil if all are.
    public var outOfRange: String? {
        if !(1...1000).contains(steps) { return "steps takes a number from 1 to 1000, not \(steps)" }
        for (name, scale) in [("guidance", guidanceScale), ("image-guidance", imageGuidanceScale)]
        where !(0...1000).contains(scale) {
            return "\(name) takes a number from 0 to 1000, not \(scale)"
        }
        return nil
    }
}

extension GenerationSettings {
    /// A setting that has another value than the model's default.
    public struct Change {
        /// Which setting.
        public let path: PartialKeyPath<GenerationSettings>
        let apply: (inout GenerationSettings) -> Void

        /// nil without a value.
        public init?<Value>(_ path: WritableKeyPath<GenerationSettings, Value>, _ value: Value?) {
            guard let value else { return nil }
            self.path = path
            apply = { $0[keyPath: path] = value }
        }
    }

    /// The settings with changes, of which later ones win.
    public func applying(_ changes: [Change]) -> GenerationSettings {
        changes.reduce(into: self) { settings, change in change.apply(&settings) }
    }
}
