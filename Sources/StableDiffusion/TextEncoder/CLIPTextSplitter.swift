/// Normalises text and cuts it into the pieces that are encoded on their own.
///
/// Works on Unicode scalars, never on `Character`s, which compare equal across different scalars.
enum CLIPTextSplitter {
    /// Composed form (NFC), then each scalar's own lower case, whatever its neighbours or the locale: a capital sigma
    /// becomes σ also at a word's end.
    ///
    /// White space stays as it is: it only separates pieces.
    static func normalize(_ scalars: ArraySlice<Unicode.Scalar>) -> [Unicode.Scalar] {
        var composition = CLIPTextComposition()
        let composed = CLIPTextComposition.isComposed(scalars) ? Array(scalars) : composition.compose(scalars)
        var lowered: [Unicode.Scalar] = []
        lowered.reserveCapacity(composed.count)
        for scalar in composed {
            if scalar.isASCII {
                lowered.append(0x41...0x5A ~= scalar.value ? Unicode.Scalar(UInt8(scalar.value + 32)) : scalar)
            } else if scalar.properties.changesWhenLowercased {
                lowered.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
            } else {
                lowered.append(scalar)
            }
        }
        return lowered
    }

    /// Calls `body` with the UTF-8 bytes of each piece, in order.
    ///
    /// Two patterns after one another: CLIP's, `<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|`
    /// `[^\s\p{L}\p{N}]+`, and then GPT-2's on each match, which only cuts up the two spelled-out tokens.
    static func forEachPiece(of scalars: ArraySlice<Unicode.Scalar>, _ body: ([UInt8]) -> Void) {
        var index = scalars.startIndex
        var piece: [UInt8] = []
        func emit(upTo end: Int) {
            piece.removeAll(keepingCapacity: true)
            for scalar in scalars[index..<end] {
                if scalar.isASCII {
                    piece.append(UInt8(scalar.value))
                } else {
                    piece.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
                }
            }
            body(piece)
            index = end
        }
        while index < scalars.endIndex {
            let kind = Kind(scalars[index])
            switch kind {
            case .space:
                index += 1
            case .number:
                emit(upTo: index + 1)
            case .letter, .other:
                if kind == .other {
                    if let literal = literals.first(where: { scalars[index...].starts(with: $0) }) {
                        let end = index + literal.count
                        emit(upTo: index + 2)
                        emit(upTo: end - 2)
                        emit(upTo: end)
                        continue
                    }
                    if let contraction = contractions.first(where: { scalars[index...].starts(with: $0) }) {
                        emit(upTo: index + contraction.count)
                        continue
                    }
                }
                emit(upTo: scalars[index...].firstIndex { Kind($0) != kind } ?? scalars.endIndex)
            }
        }
    }

    private static let literals = ["<|startoftext|>", "<|endoftext|>"].map { Array($0.unicodeScalars) }
    private static let contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].map { Array($0.unicodeScalars) }

    private enum Kind {
        case space, letter, number, other

        init(_ scalar: Unicode.Scalar) {
            switch scalar.value {
            case 0x61...0x7A, 0x41...0x5A: self = .letter
            case 0x30...0x39: self = .number
            case 0x09...0x0D, 0x20: self = .space
            case 0..<0x80: self = .other
            default:
                switch scalar.properties.generalCategory {
                case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
                    self = .letter
                case .decimalNumber, .letterNumber, .otherNumber:
                    self = .number
                default:
                    self = scalar.properties.isWhitespace ? .space : .other
                }
            }
        }
    }
}
