import Foundation
import TensorKernels

/// How an image was made, in the text form that stable-diffusion-webui writes into its images and that it,
/// stable-diffusion.cpp and others read back:
///
///     Turn it into a pencil sketch
///     Negative prompt: blurry
///     Steps: 20, Sampler: Euler a, CFG scale: 7.5, Image CFG scale: 1.5, Seed: 42, Size: 512x512, Model: cartoonizer
public struct GenerationParameters: Equatable, Sendable {
    /// What was to be done with the image.
    public var instruction: String
    /// What the image was not to become; empty if nothing was said.
    public var negativePrompt: String
    /// The fields of the last line, in order.
    public var fields: [Field]

    /// A field of the last line.
    public struct Field: Equatable, Sendable {
        /// What it is called there, such as `CFG scale`.
        public var name: String
        /// Its value as text, without quotation marks.
        public var value: String

        /// A field of that name and value.
        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// The parameters of an image that was made with settings and a seed.
    ///
    /// - Parameters:
    ///   - settings: all but the seed.
    ///   - seed: of the noise.
    ///   - width: of the image worked at, in pixels.
    ///   - height: of the image worked at, in pixels.
    ///   - more: fields that come last.
    public init(_ settings: GenerationSettings, seed: UInt64, width: Int, height: Int, more: [Field] = []) {
        instruction = settings.instruction
        negativePrompt = settings.negativePrompt
        fields = SettingField.all.map { Field(name: $0.name, value: $0.text(settings)) }
        fields.append(Field(name: "Seed", value: "\(seed)"))
        fields.append(Field(name: "Size", value: "\(width)x\(height)"))
        for lora in settings.loras ?? [] {
            fields.append(Field(name: Self.lora, value: "\(lora.name):\(lora.strength)"))
        }
        for embedding in settings.embeddings ?? [] { fields.append(Field(name: Self.embedding, value: embedding)) }
        if let vae = settings.vae { fields.append(Field(name: Self.vae, value: vae)) }
        if settings.precision != .full {
            fields.append(Field(name: Self.precision, value: settings.precision.rawValue))
        }
        fields += more
        let lines = Self.lines(of: instruction)
        if lines.contains(where: { $0.hasPrefix(Self.negativeLabel) }) {
            fields.append(Field(name: Self.instructionLines, value: "\(lines.count)"))
        }
    }

    /// The text form.
    public var text: String {
        var lines = [instruction]
        if !negativePrompt.isEmpty { lines.append(Self.negativeLabel + negativePrompt) }
        lines.append(fields.map { "\($0.name): \(Self.quoted($0.value))" }.joined(separator: ", "))
        return lines.joined(separator: "\n")
    }

    /// Reads what `text` gives, or another program's text of the same form.
    public init(text: String) {
        var lines = Self.lines(of: text)
        let fields = lines.last.map(Self.fields(inLine:)) ?? []
        self.fields = fields
        if !fields.isEmpty { lines.removeLast() }
        let count = fields.last { $0.name == Self.instructionLines }.flatMap { Int($0.value) } ?? 0
        let negativeStart =
            lines.indices.first { $0 >= count && lines[$0].hasPrefix(Self.negativeLabel) } ?? lines.endIndex
        instruction = lines[..<negativeStart].joined(separator: "\n")
        negativePrompt = String(
            lines[negativeStart...].joined(separator: "\n").dropFirst(Self.negativeLabel.count))
    }

    private static let lora = "LoRA"
    private static let embedding = "Embedding"
    private static let vae = "VAE"
    private static let precision = "Precision"
    private static let negativeLabel = "Negative prompt: "
    /// The field with the number of the instruction's lines, written where one of them looks like a negative prompt.
    private static let instructionLines = "Instruction lines"

    private static func lines(of text: String) -> [String] { text.components(separatedBy: "\n") }

    /// A value with a comma, a colon or a quotation mark is written as a JSON string.
    private static func quoted(_ value: String) -> String {
        guard value.contains(where: { ",:\"\n\\".contains($0) }) else { return value }
        guard let data = try? JSONEncoder().encode(value) else { return value }
        return String(decoding: data, as: UTF8.self)
    }

    /// The `name: value` pairs of the last line, in one pass over its bytes; none when the line is not of that form.
    private static func fields(inLine line: String) -> [Field] {
        guard line.hasPrefix("Steps: ") else { return [] }
        let bytes = Array(line.utf8.prefix(longestLine))
        var fields: [Field] = []
        var position = 0
        while fields.count < mostFields, let colon = colonAndSpace(in: bytes, from: position) {
            let name = String(decoding: bytes[position..<colon], as: UTF8.self)
            position = colon + 2
            let value: String
            if position < bytes.count, bytes[position] == quotationMark, let end = endOfString(bytes, from: position) {
                let literal = bytes[position..<end]
                value =
                    (try? JSONDecoder().decode(String.self, from: Data(literal)))
                    ?? String(decoding: literal, as: UTF8.self)
                position = end
            } else {
                let end = bytes[position...].firstIndex(of: comma) ?? bytes.endIndex
                value = String(decoding: bytes[position..<end], as: UTF8.self)
                position = end
            }
            fields.append(Field(name: name, value: value))
            while position < bytes.count, bytes[position] == comma || bytes[position] == space { position += 1 }
        }
        return fields
    }

    /// Bounds of what is read of a line that anybody may have written: real ones have some tens of fields.
    private static let longestLine = 1 << 16
    private static let mostFields = 256

    private static let (comma, space, colon) = (UInt8(ascii: ","), UInt8(ascii: " "), UInt8(ascii: ":"))
    private static let (quotationMark, backslash) = (UInt8(ascii: "\""), UInt8(ascii: "\\"))

    private static func colonAndSpace(in bytes: [UInt8], from start: Int) -> Int? {
        guard start < bytes.count - 1 else { return nil }
        return (start..<bytes.count - 1).first { bytes[$0] == colon && bytes[$0 + 1] == space }
    }

    /// The index after the quotation mark that ends the JSON string that starts at an index.
    private static func endOfString(_ bytes: [UInt8], from start: Int) -> Int? {
        var index = start + 1
        while index < bytes.count {
            switch bytes[index] {
            case backslash: index += 2
            case quotationMark: return index + 1
            default: index += 1
            }
        }
        return nil
    }
}

extension GenerationParameters {
    /// A field whose value does not mean anything here.
    public struct UnreadableField: Error, CustomStringConvertible {
        let field: Field
        /// The field and its value, in a sentence.
        public var description: String { "\(field.name) is '\(field.value.prefix(100))'" }
    }

    /// The value of the first field of that name; nil without one.
    ///
    /// - Throws: `UnreadableField` for a text that is no such value.
    public func value<Value: LosslessStringConvertible>(of name: String) throws -> Value? {
        try value(of: name, Value.init)
    }

    /// What these parameters ask for other than a model's own settings.
    ///
    /// - Parameter paths: settings that are not asked for, so that their fields are not read.
    /// - Throws: `UnreadableField`.
    public func changes(except paths: [PartialKeyPath<GenerationSettings>] = []) throws -> [GenerationSettings.Change] {
        let texts = try [
            GenerationSettings.Change(\.instruction, instruction),
            GenerationSettings.Change(\.negativePrompt, negativePrompt),
            GenerationSettings.Change(
                \.precision, paths.contains(\.precision) ? nil : value(of: Self.precision, Precision.init)),
        ].compactMap { $0 }.filter { !paths.contains($0.path) }
        return try texts
            + SettingField.all.filter { !paths.contains($0.path) }.compactMap { setting in
                try value(of: setting.name) { setting.change($0, self) }
            }
    }

    /// The LoRAs that were merged into the model, in order.
    ///
    /// - Throws: `UnreadableField`.
    public var loras: [GenerationSettings.LoRA] {
        get throws {
            try fields.filter { $0.name == Self.lora }.map { field in
                guard let colon = field.value.lastIndex(of: ":"), colon != field.value.startIndex,
                    let strength = Float(field.value[field.value.index(after: colon)...]), strength.isFinite
                else { throw UnreadableField(field: field) }
                return GenerationSettings.LoRA(name: String(field.value[..<colon]), strength: strength)
            }
        }
    }

    /// The names of the textual inversions that the model was given, in order.
    public var embeddings: [String] { fields.filter { $0.name == Self.embedding }.map(\.value) }

    /// The name of the autoencoder that took the place of the model's own; nil without one.
    public var vae: String? { fields.first { $0.name == Self.vae }?.value }

    private func value<Value>(of name: String, _ convert: (String) -> Value?) throws -> Value? {
        guard let field = fields.first(where: { $0.name == name }) else { return nil }
        guard let value = convert(field.value) else { throw UnreadableField(field: field) }
        return value
    }
}

/// A field of the text that stands for a setting, to and fro.
private struct SettingField {
    let name: String
    let path: PartialKeyPath<GenerationSettings>
    let text: (GenerationSettings) -> String
    let change: (String, GenerationParameters) -> GenerationSettings.Change?

    static var all: [SettingField] {
        [
            SettingField("Steps", \.steps),
            SettingField("Sampler", \.sampler, text: \.displayName) { name, parameters in
                let schedule = parameters.fields.first { $0.name == "Schedule type" }
                return SamplerKind(displayName: name, schedule: schedule?.value)
            },
            SettingField("CFG scale", \.guidanceScale),
            SettingField("Image CFG scale", \.imageGuidanceScale),
        ]
    }

    private init<Value>(
        _ name: String, _ path: WritableKeyPath<GenerationSettings, Value>, text: @escaping (Value) -> String,
        value: @escaping (String, GenerationParameters) -> Value?
    ) {
        (self.name, self.path) = (name, path)
        self.text = { text($0[keyPath: path]) }
        change = { GenerationSettings.Change(path, value($0, $1)) }
    }

    private init<Value: LosslessStringConvertible>(
        _ name: String, _ path: WritableKeyPath<GenerationSettings, Value>
    ) {
        self.init(name, path, text: { "\($0)" }, value: { text, _ in Value(text) })
    }
}
