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
