/// What instructions to a model can ask for, as its author describes it in the field `understands` of `cartoonize.json`:
///
///     "understands": {"summary": "styles (cartoon, sketch) and lines (thin, bold)", "words": ["cartoon", "bold", ...]}
public struct InstructionGuide: Sendable, Equatable {
    /// The kinds of things that can be asked for, as a list within a sentence.
    public let summary: String
    /// Words in lower case: an instruction without any of them asks for nothing that the model was taught.
    private let words: Set<String>

    /// - Throws: `ConfigurationError` for a field that is none of these.
    init?(_ fields: ConfigurationFields) throws(ConfigurationError) {
        let field = "understands"
        guard case let value = fields.value(field), value != .null else { return nil }
        guard let object = value.object, let summary = object["summary"]?.string, let words = object["words"]?.strings,
            words.count == object["words"]?.array?.count, summary.utf8.count <= 1000
        else { throw fields.refusal(field, "expected an object of a summary and a list of words") }
        self.summary = summary.split(whereSeparator: \.isNewline).joined(separator: " ")
        self.words = Set(words)
    }

    /// Whether an instruction asks for something that the model was taught. An empty one asks for nothing and is understood.
    public func covers(_ instruction: String) -> Bool {
        let asked = instruction.lowercased().split { !$0.isLetter }
        return asked.isEmpty || asked.contains { words.contains(String($0)) }
    }
}
