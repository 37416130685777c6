/// Finds the special tokens that a text spells out, such as “<|endoftext|>”.
struct CLIPSpecialTokens {
    enum Segment {
        case text(ArraySlice<Unicode.Scalar>)
        case special(Int)
    }

    private struct Token {
        let scalars: [Unicode.Scalar]
        let id: Int
    }

    /// Longest first, so that the first match is the longest.
    private let raw: [Token]
    private let normalized: [Token]

    init(_ tokens: [(content: String, id: Int, isMatchedNormalized: Bool)]) {
        func table(_ isNormalized: Bool) -> [Token] {
            tokens.filter { $0.isMatchedNormalized == isNormalized }.map { token in
                let scalars = Array(token.content.unicodeScalars)
                return Token(
                    scalars: isNormalized ? Array(CLIPTextSplitter.normalize(scalars[...])) : scalars, id: token.id)
            }.sorted { $0.scalars.count > $1.scalars.count }
        }
        raw = table(false)
        normalized = table(true)
    }

    /// The text cut at the special tokens that are looked for before, or only after, normalisation.
    func split(_ text: [Unicode.Scalar], normalized isNormalized: Bool) -> [Segment] {
        let tokens = isNormalized ? normalized : raw
        let firstScalars = Set(tokens.compactMap(\.scalars.first))
        var segments: [Segment] = []
        var textStart = 0
        var index = 0
        while index < text.count {
            guard firstScalars.contains(text[index]),
                let token = tokens.first(where: { text[index...].starts(with: $0.scalars) })
            else {
                index += 1
                continue
            }
            if textStart < index { segments.append(.text(text[textStart..<index])) }
            segments.append(.special(token.id))
            index += token.scalars.count
            textStart = index
        }
        if textStart < text.count { segments.append(.text(text[textStart...])) }
        return segments
    }
}
