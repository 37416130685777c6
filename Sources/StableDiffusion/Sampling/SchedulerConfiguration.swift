import Foundation

/// A model's `scheduler_config.json`: its fields as they stand there.
///
/// A field's type is checked when a sampler reads it and not before, because files carry fields of other classes, left
/// over from conversions, that must not matter. An absent or null field takes the reading class's own default.
public struct SchedulerConfiguration: Sendable {
    /// diffusers' name of the scheduler, such as “DDIMScheduler”.
    public let className: String?
    private let fields: [String: JSONValue]

    /// Reads the file; throws `ConfigurationError` when it holds no JSON object.
    public init(json file: URL) throws {
        self.init(fields: try ConfigurationFile.fields(of: file))
    }

    package init(fields: [String: JSONValue]) {
        self.fields = fields
        className = fields["_class_name"]?.string
    }

    // MARK: - Fields

    func flag(_ field: String, default fallback: Bool) throws -> Bool {
        switch fields[field] {
        case nil, .null: return fallback
        case .bool(let flag): return flag
        case .some(let other): throw unsupported(field, other, "expected true or false")
        }
    }

    func number(_ field: String) throws -> Double? {
        switch fields[field] {
        case nil, .null: return nil
        case .number(let value): return value
        case .some(let other): throw unsupported(field, other, "expected a number")
        }
    }

    func number(_ field: String, default fallback: Double) throws -> Double {
        try number(field) ?? fallback
    }

    func integer(_ field: String, default fallback: Int, in range: ClosedRange<Int>) throws -> Int {
        guard let value = try number(field) else { return fallback }
        guard let integer = Int(exactly: value), range.contains(integer) else {
            throw unsupported(
                field, .number(value), "expected a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return integer
    }

    func numbers(_ field: String) throws -> [Double]? {
        switch fields[field] {
        case nil, .null: return nil
        case .array(let elements):
            return try elements.map { element in
                guard case .number(let value) = element else { throw unsupported(field, element, "expected numbers") }
                return value
            }
        case .some(let other): throw unsupported(field, other, "expected a list of numbers")
        }
    }

    /// A field that holds one of a few words.
    func choice<Choice>(_ field: String, default fallback: Choice) throws -> Choice
    where Choice: RawRepresentable<String> & CaseIterable {
        switch fields[field] {
        case nil, .null: return fallback
        case .some(let value):
            if case .string(let name) = value, let choice = Choice(rawValue: name) { return choice }
            let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw unsupported(field, value, "supported: \(names)")
        }
    }

    /// Whether the field holds this word.
    func holds(_ word: String, in field: String) -> Bool {
        fields[field] == .string(word)
    }

    /// `prediction_type`, of the kinds that the sampler can work with.
    func predictionType(_ supported: PredictionType...) throws -> PredictionType {
        let type = try choice("prediction_type", default: PredictionType.epsilon)
        guard supported.contains(type) else {
            let names = supported.map(\.rawValue).joined(separator: ", ")
            throw unsupported("prediction_type", .string(type.rawValue), "with this sampler only \(names)")
        }
        return type
    }

    /// `steps_offset`.
    func stepsOffset() throws -> Int {
        try integer("steps_offset", default: 0, in: 0...1000)
    }

    /// `clip_sample` and its range: the largest magnitude allowed of predicted clean latents, infinity for any.
    func clipRange(clipsByDefault: Bool) throws -> Float {
        guard try flag("clip_sample", default: clipsByDefault) else { return .infinity }
        return Float(try number("clip_sample_range", default: 1))
    }

    /// Throws when the field asks for something that this code leaves out.
    func refuse(_ field: String, unless supported: Set<String>) throws {
        switch fields[field] {
        case nil, .null: return
        case .string(let name) where supported.contains(name): return
        case .some(let value):
            let names = supported.isEmpty ? "none" : supported.sorted().joined(separator: ", ")
            throw unsupported(field, value, "supported: \(names)")
        }
    }

    /// Throws when the field is true: it switches on something that this code leaves out.
    func refuse(_ field: String) throws {
        if try flag(field, default: false) { throw unsupported(field, .bool(true), "only false is supported") }
    }

    private func unsupported(_ field: String, _ value: JSONValue, _ expected: String) -> SamplerError {
        .setting(field: field, value: value.description, expected: expected)
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
