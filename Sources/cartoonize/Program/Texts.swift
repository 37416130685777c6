import Files
import Foundation

/// A number of bytes for people, of three digits, such as `3.44 GB`.
func byteCountText(_ bytes: Int) -> String {
    guard bytes >= 1000 else { return "\(bytes) B" }
    var value = Double(bytes)
    var unit = ""
    for next in ["kB", "MB", "GB"] where value >= 999.5 {
        value /= 1000
        unit = next
    }
    let decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0
    return String(format: "%.\(unit == "kB" ? 0 : decimals)f \(unit)", value)
}

/// `1 picture`, `2 pictures`.
func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

/// `text` as it may appear within one line on a terminal: what controls the terminal, breaks the line or turns the
/// direction of writing is escaped.
func singleLine(_ text: String) -> String {
    var line = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\n": line += "\\n"
        case "\r": line += "\\r"
        case "\t": line += "\\t"
        default:
            if let byte = SystemPath.escaped(scalar) {
                line += "\\x\(String(byte, radix: 16))"
            } else if scalar.controlsDisplay {
                line += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                line.unicodeScalars.append(scalar)
            }
        }
    }
    return line
}

extension Unicode.Scalar {
    /// Whether a terminal would do something else than show it.
    fileprivate var controlsDisplay: Bool {
        guard value >= 0x7F else { return value < 0x20 }
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: return true
        // Joiners make letters and images of several.
        case .format: return value != 0x200C && value != 0x200D
        default: return false
        }
    }
}

extension Unicode.Scalar {
    /// How many columns of a terminal it takes: two for the wide characters of East Asian scripts and images, none for
    /// marks on the character before (Unicode Standard Annex 11).
    fileprivate var columns: Int {
        guard value >= 0x300 else { return 1 }
        switch properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        return Self.wide.contains { $0 ~= value } || properties.isEmojiPresentation ? 2 : 1
    }

    /// The blocks whose characters are wide.
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
        0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F, 0xFF00...0xFF60,
        0xFFE0...0xFFE6, 0x16FE0...0x18DFF, 0x1AFF0...0x1B2FF, 0x1F200...0x1F2FF, 0x20000...0x3FFFD,
    ]
}

/// How many columns of a terminal `text` takes.
func columns(of text: String) -> Int { text.unicodeScalars.reduce(0) { $0 + $1.columns } }

/// The longest start of `text` that takes no more than `columns` columns of a terminal.
func prefix(of text: String, columns: Int) -> String {
    var (taken, room) = (String.UnicodeScalarView(), columns)
    for scalar in text.unicodeScalars {
        room -= scalar.columns
        if room < 0 { break }
        taken.append(scalar)
    }
    return String(taken)
}

/// Whether `word` looks like `name` mistyped: a letter in four wrong, missing, too many or in its neighbour's place, or an
/// end left out.
func isMisspelling(_ word: String, of name: String) -> Bool {
    let (word, name) = (Array(word.utf8.prefix(100)), Array(name.utf8.prefix(100)))
    if word.count >= 4, name.starts(with: word) { return true }
    // Optimal string alignment, row by row.
    var rows = [Array(0...name.count)]
    for (i, byte) in word.enumerated() {
        var row = [i + 1]
        for (j, other) in name.enumerated() {
            var cost = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (byte == other ? 0 : 1))
            if i > 0, j > 0, byte == name[j - 1], word[i - 1] == other { cost = min(cost, rows[i - 1][j - 1] + 1) }
            row.append(cost)
        }
        rows.append(row)
    }
    return rows[word.count][name.count] <= max(1, max(word.count, name.count) / 4)
}

/// `text` with its middle left out if it is longer than a person would read.
func shortened(_ text: String) -> String {
    let (most, head, tail) = (1200, 700, 400)
    // Most are short, and counting bytes is quick.
    guard text.utf8.count > most else { return text }
    let scalars = text.unicodeScalars
    guard scalars.count > most else { return text }
    return String(scalars.prefix(head)) + " ... " + String(scalars.suffix(tail))
}
