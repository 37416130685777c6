import Foundation

/// How a picture was made, in the text form that stable-diffusion-webui writes into its pictures and that it,
/// stable-diffusion.cpp and others read back:
///
///     Turn it into a pencil sketch
///     Negative prompt: blurry
///     Steps: 20, Sampler: Euler a, CFG scale: 7.5, Image CFG scale: 1.5, Seed: 42, Size: 512x512, Model: cartoonizer
struct GenerationParameters: Equatable {
    var instruction: String
    var negativeInstruction: String
    /// The fields of the last line, in order.
    var fields: [Field]

    struct Field: Equatable {
        var name: String
        var value: String
    }

    init(instruction: String, negativeInstruction: String, fields: [Field]) {
        self.instruction = instruction
        self.negativeInstruction = negativeInstruction
        self.fields = fields
    }

    var text: String {
        var lines = [instruction]
        if !negativeInstruction.isEmpty { lines.append(Self.negativeLabel + negativeInstruction) }
        lines.append(fields.map { "\($0.name): \(Self.quoted($0.value))" }.joined(separator: ", "))
        return lines.joined(separator: "\n")
    }

    /// Reads what `text` gives, or another program's text of the same form.
    init(text: String) {
        var lines = text.components(separatedBy: "\n")
        fields = lines.last.map(Self.fields(inLine:)) ?? []
        if !fields.isEmpty { lines.removeLast() }
        let negativeStart = lines.firstIndex { $0.hasPrefix(Self.negativeLabel) } ?? lines.endIndex
        instruction = lines[..<negativeStart].joined(separator: "\n")
        negativeInstruction = String(
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
