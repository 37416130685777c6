/// How values differ from those expected by more than `limit`, in one line; nil if none does. Two that are no numbers do not
/// differ.
///
/// `#expect(differences(a, b) == nil)` prints that line where `#expect(a == b)` would print both arrays.
public func differences<Value: Equatable>(
    _ values: some Collection<Value>, _ expected: some Collection<Value>, beyond limit: Double = 0
) -> String? {
    differences(values, expected) { value, reference in
        if value == reference { return true }
        guard let (a, b) = numbers(value, reference) else { return false }
        return abs(a - b) <= limit || (a.isNaN && b.isNaN)
    }
}

/// How values differ from those expected in any bit, the signs of zeros included; nil if they do not.
public func bitDifferences(_ values: [Float], _ expected: [Float]) -> String? {
    differences(values, expected) { $0.bitPattern == $1.bitPattern }
}

private func differences<Value>(
    _ values: some Collection<Value>, _ expected: some Collection<Value>, areSame: (Value, Value) -> Bool
) -> String? {
    var (count, index) = (0, 0)
    var first: String?
    var largest: (index: Int, distance: Double)?
    for (value, reference) in zip(values, expected) {
        if !areSame(value, reference) {
            count += 1
            if first == nil { first = "number \(index) is \(brief(value)), expected \(brief(reference))" }
            if let (a, b) = numbers(value, reference), !(abs(a - b) <= largest?.distance ?? -1) {
                largest = (index, abs(a - b))
            }
        }
        index += 1
    }
    var parts: [String] = []
    if values.count != expected.count { parts.append("\(values.count) values, expected \(expected.count)") }
    if let first { parts.append("\(count) of \(index) differ: \(first)") }
    if let largest { parts.append("the largest difference is \(largest.distance), of number \(largest.index)") }
    return parts.isEmpty ? nil : parts.joined(separator: "; ")
}

private func numbers(_ a: Any, _ b: Any) -> (Double, Double)? {
    func number(_ value: Any) -> Double? {
        switch value {
        case let value as any BinaryInteger: Double(value)
        case let value as any BinaryFloatingPoint: Double(value)
        default: nil
        }
    }
    guard let a = number(a), let b = number(b) else { return nil }
    return (a, b)
}

private func brief(_ value: Any) -> String { String(String(describing: value).prefix(100)) }
