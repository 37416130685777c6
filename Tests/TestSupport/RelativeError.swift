/// `|values - expected| / |expected|` in the Euclidean norm; infinite if the counts differ or a value is no number.
public func relativeError(_ values: [Float], _ expected: [Double]) -> Double {
    guard values.count == expected.count, values.allSatisfy(\.isFinite) else { return .infinity }
    var (difference, norm) = (0.0, 0.0)
    for (value, reference) in zip(values, expected) {
        let d = Double(value) - reference
        difference += d * d
        norm += reference * reference
    }
    if norm == 0 { return difference == 0 ? 0 : .infinity }
    return (difference / norm).squareRoot()
}

public func relativeError(_ values: [Float], _ expected: [Float]) -> Double {
    relativeError(values, expected.map(Double.init))
}
