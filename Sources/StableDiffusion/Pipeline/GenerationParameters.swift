import Foundation

/// How a picture was made, in the text form that stable-diffusion-webui writes into its pictures and that it,
/// stable-diffusion.cpp and others read back:
///
///     Turn it into a pencil sketch
///     Negative prompt: blurry
///     Steps: 20, Sampler: Euler a, CFG scale: 7.5, Image CFG scale: 1.5, Seed: 42, Size: 512x512, Model: cartoonizer
public struct GenerationParameters: Equatable, Sendable {
    public var instruction: String
    public var negativePrompt: String
    /// The fields of the last line, in order.
    public var fields: [Field]

    public struct Field: Equatable, Sendable {
        public var name: String
        public var value: String

        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// - Parameters:
    ///   - width: of the picture worked at, in pixels, as is `height`.
    ///   - more: fields that come last.
    public init(_ settings: GenerationSettings, seed: UInt64, width: Int, height: Int, more: [Field] = []) {
        instruction = settings.instruction
        negativePrompt = settings.negativePrompt
        fields =
            SettingField.all.map { Field(name: $0.name, value: $0.text(settings)) } + [
                Field(name: "Seed", value: "\(seed)"), Field(name: "Size", value: "\(width)x\(height)"),
            ] + more
    }

    public var text: String {
        var lines = [instruction]
        if !negativePrompt.isEmpty { lines.append(Self.negativeLabel + negativePrompt) }
        lines.append(fields.map { "\($0.name): \(Self.quoted($0.value))" }.joined(separator: ", "))
        return lines.joined(separator: "\n")
    }

    /// Reads what `text` gives, or another program's text of the same form.
    public init(text: String) {
        var lines = text.components(separatedBy: "\n")
        fields = lines.last.map(Self.fields(inLine:)) ?? []
        if !fields.isEmpty { lines.removeLast() }
        let negativeStart = lines.firstIndex { $0.hasPrefix(Self.negativeLabel) } ?? lines.endIndex
        instruction = lines[..<negativeStart].joined(separator: "\n")
        negativePrompt = String(
            lines[negativeStart...].joined(separator: "\n").dropFirst(Self.negativeLabel.count))
    }

    private static let negativeLabel = "Negative prompt: "

    /// A value with a comma, a colon or a quotation mark is written as a JSON string.
    private static func quoted(_ value: String) -> String {
        guard value.contains(where: { ",:\"\n\\".contains($0) }) else { return value }
        guard let data = try? JSONEncoder().encode(value) else { return value }
        return String(decoding: data, as: UTF8.self)
    }

    /// The `name: value` pairs of the last line; none when the line is not of that form.
    private static func fields(inLine line: String) -> [Field] {
        guard line.hasPrefix("Steps: ") else { return [] }
        var fields: [Field] = []
        var rest = line[...]
        while let colon = rest.range(of: ": ") {
            let name = rest[..<colon.lowerBound]
            rest = rest[colon.upperBound...]
            var value = ""
            if rest.first == "\"", let end = endOfString(rest) {
                let literal = rest[..<end]
                value = (try? JSONDecoder().decode(String.self, from: Data(literal.utf8))) ?? String(literal)
                rest = rest[end...]
            } else {
                let end = rest.firstIndex(of: ",") ?? rest.endIndex
                value = String(rest[..<end])
                rest = rest[end...]
            }
            fields.append(Field(name: String(name), value: value))
            rest = rest.drop { $0 == "," || $0 == " " }
        }
        return fields
    }

    /// The index after the quotation mark that ends the JSON string at the start of `text`.
    private static func endOfString(_ text: Substring) -> Substring.Index? {
        var isEscaped = false
        for index in text.indices.dropFirst() {
            if isEscaped {
                isEscaped = false
            } else if text[index] == "\\" {
                isEscaped = true
            } else if text[index] == "\"" {
                return text.index(after: index)
            }
        }
        return nil
    }
}

extension GenerationParameters {
    /// A field whose value does not mean anything here.
    public struct UnreadableField: Error, CustomStringConvertible {
        let field: Field
        public var description: String { "\(field.name) is '\(field.value)'" }
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
        let texts = [
            GenerationSettings.Change(\.instruction, instruction),
            GenerationSettings.Change(\.negativePrompt, negativePrompt),
        ].compactMap { $0 }.filter { !paths.contains($0.path) }
        return try texts
            + SettingField.all.filter { !paths.contains($0.path) }.compactMap { setting in
                try value(of: setting.name) { setting.change($0, self) }
            }
    }

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
