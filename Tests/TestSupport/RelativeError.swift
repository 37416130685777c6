/// `|values - expected| / |expected|` in the Euclidean norm, and where it comes from; infinite if the counts differ or a value
/// is no number.
public struct RelativeError: CustomStringConvertible, Sendable {
    public let value: Double
    private let place: String

    init(_ values: [Float], _ expected: [Double]) {
        guard values.count == expected.count else {
            (value, place) = (.infinity, "\(values.count) values, expected \(expected.count)")
            return
        }
        if let index = values.firstIndex(where: { !$0.isFinite }) {
            (value, place) = (.infinity, "number \(index) is \(values[index]), expected \(expected[index])")
            return
        }
        var (difference, norm, largest, index) = (0.0, 0.0, 0.0, 0)
        for (i, (value, reference)) in zip(values, expected).enumerated() {
            let d = Double(value) - reference
            difference += d * d
            norm += reference * reference
            if abs(d) > largest { (largest, index) = (abs(d), i) }
        }
        value = norm == 0 ? (difference == 0 ? 0 : .infinity) : (difference / norm).squareRoot()
        place =
            largest == 0
            ? "no difference"
            : "the largest difference is \(largest), of number \(index): \(values[index]), expected \(expected[index])"
    }

    public var description: String { "\(value) (\(place))" }

    public static func < (error: RelativeError, limit: Double) -> Bool { error.value < limit }
}

public func relativeError(_ values: [Float], _ expected: [Double]) -> RelativeError { RelativeError(values, expected) }

public func relativeError(_ values: [Float], _ expected: [Float]) -> RelativeError {
    relativeError(values, expected.map(Double.init))
}
