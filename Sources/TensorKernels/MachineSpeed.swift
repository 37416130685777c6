import Foundation

/// The seconds that a machine takes for each unit of work, measured by running the kernels themselves for some hundredths
/// of a second, so that no table of speeds can grow old.
public struct MachineSpeed: Equatable, Sendable {
    /// Seconds a unit.
    private var costs = Work()

    /// - Parameters:
    ///   - compute: whose threads and kernels are measured.
    ///   - runs: of each kernel, of which the fastest counts.
    public init(_ compute: Compute, runs: Int) {
        /// Lays what the costs known so far do not explain of an operation on one kind of work.
        func settle(
            _ kind: WritableKeyPath<Work, Double>, on shape: [Int], _ weight: MeasuredWeight? = nil,
            _ operation: (Tensor, WeightTensor?) -> Tensor
        ) {
            let planner = Compute.planner(threads: compute.threads)
            _ = operation(planner.zeros(shape), weight?.tensor)
            var work = planner.planned.work
            let x = compute.zeros(shape)
            let seconds = (0..<runs).map { _ in Self.seconds { _ = operation(x, weight?.tensor) } }.min() ?? 0
            costs[keyPath: kind] = 0
            let rest = max(0, seconds - self.seconds(for: work))
            work[keyPath: kind] = max(work[keyPath: kind], 1)
            costs[keyPath: kind] = rest / work[keyPath: kind]
        }

        let threads = compute.threads
        let long = [1 << 20]
        let first = Self.seconds { _ = compute.zeros([4 << 20]) }
        let second = Self.seconds { _ = compute.zeros([4 << 20]) }
        costs.touched = max(0, first - second) / Double(16 << 20)
        settle(\.passed, on: long) { x, _ in x.activated(.relu) }
        costs.streamed = costs.passed / 4
        let matrix = MeasuredWeight([640, 640])
        for rows in [(\Work.products, 480 * threads), (\.packed, 24), (\.products, 480 * threads)] {
            settle(rows.0, on: [rows.1, 640], matrix) { x, weight in weight.map { x.linear($0) } ?? x }
        }
        // The same products, until larger ones show how much slower they are between the transforms.
        costs.winogradProducts = costs.products
        let (thin, thick) = (MeasuredWeight([96, 96, 3, 3]), MeasuredWeight([320, 320, 3, 3]))
        for (kind, shape, weight) in [
            (\Work.winogradWeights, [1, 4, 4, 320], thick), (\.winogradValues, [1, 96, 96, 96], thin),
            (\.winogradProducts, [1, 48, 48, 320], thick),
        ] {
            settle(kind, on: shape, weight) { x, weight in weight.map { x.convolution($0) } ?? x }
        }
        costs.attention = costs.products
        settle(\.scores, on: [1, 384 * threads, 320]) { x, _ in x.attention(keys: x, values: x, heads: 8) }
    }

    /// The seconds that work takes.
    public func seconds(for work: Work) -> Double { work.sum(timesEach: costs) }

    private static func seconds(_ body: () -> Void) -> Double {
        ContinuousClock().measure(body) / .seconds(1)
    }
}

/// A float16 weight of zeros.
private final class MeasuredWeight {
    private let shape: [Int]
    private let bytes: UnsafeMutableRawBufferPointer

    init(_ shape: [Int]) {
        self.shape = shape
        bytes = .allocate(byteCount: shape.reduce(2, *), alignment: 64)
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
    }

    deinit { bytes.deallocate() }

    var tensor: WeightTensor {
        WeightTensor(shape: shape, format: .float16, bytes: UnsafeRawBufferPointer(bytes), owner: self)
    }
}
