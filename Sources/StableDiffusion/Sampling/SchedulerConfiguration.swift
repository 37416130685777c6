import Foundation

/// A model's `scheduler_config.json`: its fields as they stand there. An absent or null field takes the default of the
/// class that reads it.
public struct SchedulerConfiguration: Sendable {
    /// diffusers' name of the scheduler, such as “DDIMScheduler”.
    public let className: String?
    let fields: ConfigurationFields

    /// Reads the file; throws `ConfigurationError` when it holds no JSON object.
    public init(json file: URL) throws {
        self.init(fields: try ConfigurationFile.fields(of: file), file: file.path)
    }

    package init(fields: [String: JSONValue], file: String) {
        self.fields = ConfigurationFields(fields, file: file)
        className = fields["_class_name"]?.string
    }

    /// `prediction_type`, of the kinds that the sampler can work with.
    func predictionType(_ supported: PredictionType...) throws -> PredictionType {
        let type = try fields.choice("prediction_type", default: PredictionType.epsilon)
        guard supported.contains(type) else {
            let names = supported.map(\.rawValue).joined(separator: ", ")
            throw fields.refusal("prediction_type", "with this sampler only \(names)")
        }
        return type
    }

    /// `steps_offset`.
    func stepsOffset() throws -> Int {
        try fields.integer("steps_offset", default: 0, in: 0...1000)
    }

    /// `clip_sample` and its range: the largest magnitude allowed of predicted clean latents, infinity for any.
    func clipRange(clipsByDefault: Bool) throws -> Float {
        guard try fields.boolean("clip_sample", default: clipsByDefault) else { return .infinity }
        return Float(try fields.anyNumber("clip_sample_range") ?? 1)
    }

    /// Whether the field holds this word.
    func holds(_ word: String, in field: String) -> Bool {
        fields.value(field) == .string(word)
    }

    /// Throws when the field asks for something that this code leaves out.
    func refuse(_ field: String, unless supported: Set<String>) throws {
        let names = supported.isEmpty ? "none" : supported.sorted().joined(separator: ", ")
        _ = try fields.optional(field, "supported: \(names)") {
            $0.string.flatMap { supported.contains($0) ? $0 : nil }
        }
    }

    /// Throws when the field is true: it switches on something that this code leaves out.
    func refuse(_ field: String) throws {
        if try fields.boolean(field, default: false) { throw fields.refusal(field, "only false is supported") }
    }
}

/// What the model's prediction stands for.
enum PredictionType: String, CaseIterable {
    /// The noise in the latents.
    case epsilon
    /// The clean latents.
    case sample
    /// Velocity: sqrt(alpha) * noise - sqrt(1 - alpha) * clean latents (Salimans and Ho, 2022).
    case velocity = "v_prediction"
}
