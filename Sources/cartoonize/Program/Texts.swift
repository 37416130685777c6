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
            if scalar.controlsDisplay {
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
        // Joiners make letters and pictures of several.
        case .format: return value != 0x200C && value != 0x200D
        default: return false
        }
    }
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
