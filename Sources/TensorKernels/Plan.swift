/// What operations amount to, each kind in the unit that its time grows with.
public struct Work: Equatable, Sendable {
    /// Multiplications and additions of matrix products of more than a few rows.
    public var products = 0.0
    /// Weights that are upcast and packed.
    public var packed = 0.0
    /// Bytes of the weights of products of few rows, which are read once.
    public var streamed = 0.0
    /// Multiplications and additions of Winograd's products.
    public var winogradProducts = 0.0
    /// Values that Winograd's transforms of inputs and outputs write and read.
    public var winogradValues = 0.0
    /// Weights that Winograd transforms.
    public var winogradWeights = 0.0
    /// Multiplications and additions of attention, and its scores.
    public var attention = 0.0
    /// The scores of attention: products of a query and a key.
    public var scores = 0.0
    /// Values of queries that attention reads and of results that it writes, however few the keys.
    public var attended = 0.0
    /// Values of a gated layer's result.
    public var gates = 0.0
    /// Values that group norms are worked out from.
    public var summed = 0.0
    /// Values that operations of any kind read from tensors and write to them.
    public var passed = 0.0
    /// Bytes of memory that are used for the first time, which the system clears.
    public var touched = 0.0
    /// Bytes of mapped weights that are used for the first time, which the system finds in its cache of files.
    public var mapped = 0.0

    /// No work.
    public init() {}

    init(touched: Double, mapped: Double) { (self.touched, self.mapped) = (touched, mapped) }

    /// Multiplications and additions of all products.
    public var operations: Double { products + winogradProducts + attention }

    /// Of Winograd's convolutions, which are most of the work of all models.
    var meanChannels: Double { winogradProducts / max(winogradValues, 1) }

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
        \.products, \.packed, \.streamed, \.winogradProducts, \.winogradValues, \.winogradWeights, \.attention,
        \.scores, \.attended, \.gates, \.summed, \.passed, \.touched,
        \.mapped,
    ]
}

/// Counts what operations would do.
final class Plan {
    var work = Work()
    /// The weights used so far, by address.
    private var seen: Set<UInt> = []
    /// Bytes of the distinct weights used that are mapped, and of those that are copies; and of the largest one.
    private(set) var mappedBytes = 0
    private(set) var copiedBytes = 0
    private(set) var largestWeight = 0
    /// Bytes of the weights, of those that are mapped, that are sums and in no file.
    private(set) var summedBytes = 0

    func used(_ weight: WeightTensor) {
        guard seen.insert(weight.address).inserted else { return }
        largestWeight = max(largestWeight, weight.byteCount)
        if weight.isMapped {
            mappedBytes += weight.byteCount
            work.mapped += Double(weight.byteCount)
        } else {
            copiedBytes += weight.byteCount
        }
    }

    /// - Parameter values: that are read and written beside the weight; by default a row in and a row out for each of `rows`.
    func product(rows: Int, _ weight: WeightTensor, values: Int? = nil) {
        if rows <= 4 {
            work.streamed += Double(weight.byteCount)
        } else {
            work.products += 2 * Double(rows) * Double(weight.count)
            work.packed += Double(weight.count)
            work.passed += Double(values ?? rows * (weight.count / weight.shape[0] + weight.shape[0]))
        }
    }

    /// The sum of a weight and of products of these ranks, which takes so many bytes.
    func merge(_ weight: WeightTensor, ranks: [Int], bytes: Int) {
        summedBytes += bytes
        work.products += 2 * Double(ranks.reduce(0, +)) * Double(weight.count)
        work.passed += 2 * Double(weight.count)
    }

    /// - Parameter values: of the images that are read and written.
    func winograd(tiles: Int, channels: Int, outputs: Int, values: Int) {
        work.passed += Double(values)
        let positions = 36.0
        // Kernels work at panels of columns.
        let panel = PackedMatrix.panel
        let outputs = (outputs + panel - 1) / panel * panel
        work.winogradProducts += 2 * positions * Double(tiles) * Double(channels) * Double(outputs)
        work.winogradValues += positions * Double(tiles) * Double(channels + outputs)
        work.winogradWeights += Double(channels) * Double(outputs)
    }

    /// - Parameters:
    ///   - queries: values of the queries.
    ///   - share: of the scores that are worked out.
    func attention(queries: Int, scores: Int, depth: Int, share: Double) {
        work.attended += 2 * Double(queries)
        work.scores += share * Double(scores)
        work.attention += share * 4 * Double(scores) * Double(depth)
    }

    func gate(_ values: Int) { work.gates += Double(values) }
    func sum(_ values: Int) { work.summed += Double(values) }
    func pass(over values: Int) { work.passed += Double(values) }
}

extension Compute {
    package var isPlanner: Bool { plan != nil }

    /// What was planned since this planner was made.
    package var planned: (work: Work, mappedBytes: Int, copiedBytes: Int, largestWeight: Int, summedBytes: Int) {
        guard let plan else { return (Work(), 0, 0, 0, 0) }
        return (plan.work, plan.mappedBytes, plan.copiedBytes, plan.largestWeight, plan.summedBytes)
    }
}
