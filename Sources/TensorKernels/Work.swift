/// What operations amount to, each kind in the unit that its time grows with.
public struct Work: Equatable, Sendable {
    /// Multiplications and additions of matrix products.
    public var products = 0.0
    /// Multiplications and additions of the products of Winograd's convolutions.
    public var winograd = 0.0
    /// Multiplications and additions of attention.
    public var attention = 0.0
    /// Values in float32 that operations of any kind read from memory or write to it.
    public var values = 0.0
    /// Bytes of memory that are used for the first time, which the system clears.
    public var touched = 0.0
    /// Bytes of mapped weights that are used for the first time, which the system finds in its cache of files.
    public var mapped = 0.0

    /// No work.
    public init() {}

    init(products: Int = 0, winograd: Int = 0, attention: Int = 0, values: Int = 0) {
        (self.products, self.winograd) = (Double(products), Double(winograd))
        (self.attention, self.values) = (Double(attention), Double(values))
    }

    init(touched: Double, mapped: Double) { (self.touched, self.mapped) = (touched, mapped) }

    /// Multiplications and additions of all products.
    public var operations: Double { products + winograd + attention }

    /// Both works, kind by kind.
    public static func + (a: Work, b: Work) -> Work { a.combined(b) { $0 + $1 } }
    /// What the first has over the second, kind by kind.
    public static func - (a: Work, b: Work) -> Work { a.combined(b) { $0 - $1 } }

    /// The same work several times.
    public static func * (work: Work, times: Int) -> Work { work.combined(work) { value, _ in value * Double(times) } }

    /// The sum of all kinds, each times that kind of `costs`.
    func sum(timesEach costs: Work) -> Double {
        Self.fields.reduce(0) { $0 + self[keyPath: $1] * costs[keyPath: $1] }
    }

    private func combined(_ other: Work, _ operation: (Double, Double) -> Double) -> Work {
        var work = Work()
        for field in Self.fields { work[keyPath: field] = operation(self[keyPath: field], other[keyPath: field]) }
        return work
    }

    private static let fields: [WritableKeyPath<Work, Double> & Sendable] = [
        \.products, \.winograd, \.attention, \.values, \.touched, \.mapped,
    ]
}
