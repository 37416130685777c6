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
