import Files
import Foundation

/// The seconds that a machine takes for each unit of work, measured by running the kernels themselves for a moment, so that
/// no table of speeds can grow old.
public struct MachineSpeed: Equatable, Sendable {
    /// Seconds a unit.
    private var costs = Work()

    /// - Parameters:
    ///   - compute: whose threads and kernels are measured. No tensor was there before, so that what memory costs that is
    ///     new is measured, too.
    ///   - work: what is to be predicted: the kernels run on about as many channels as it has, and for a hundredth of the
    ///     time that it will take, up to a second: the speed of machines that others use, too, changes from one to the next.
    ///   - tensorBytes: of the work at its highest. Caches hold more of smaller images.
    ///   - least: seconds to measure for, at least; never less than three rounds of all kernels.
    /// - Returns: nil if there is no room for the kernels' tensors.
    public init?(_ compute: Compute, for work: Work, tensorBytes: Int, least: Double) {
        let start = ContinuousClock.now
        let values = min(max(tensorBytes / 64, 1 << 19), 4 << 20)
        let probes = Probe.all(threads: compute.threads, channels: work.meanChannels >= 160 ? 320 : 64, values: values)
        let planner = Compute.planner(threads: compute.threads, kernels: compute.kernelSet)
        let works = probes.map { $0.work(on: planner) }
        compute.reserve(bytes: planner.peakBytes)
        guard compute.capacityBytes >= planner.peakBytes else { return nil }
        measureMapping()
        var times = [[Double]](repeating: [], count: probes.count)
        var rounds: [Double] = []
        var limit = least
        // Each round takes all kernels, so that a moment in which something else runs spoils one run of each at most.
        func round() -> [Double] { probes.map { $0.seconds(on: compute) } }
        let first = Self.seconds { _ = round() }
        repeat {
            var each: [Double] = []
            rounds.append(Self.seconds { each = round() })
            for (index, time) in each.enumerated() { times[index].append(time) }
            settle(probes, works, times.map(Self.typical))
            // In the first round all memory was new.
            costs.touched = max(0, first - Self.typical(rounds)) / Double(compute.peakBytes)
            limit = max(least, min(0.01 * seconds(for: work), 1))
        } while rounds.count < 3 || start.duration(to: .now) / .seconds(1) < limit
    }

    /// Pages of a mapped file: this program's own.
    private mutating func measureMapping() {
        let descriptor = open(ProcessStatus.executable.path, O_RDONLY | O_CLOEXEC)
        defer { close(descriptor) }
        var status = stat()
        guard descriptor >= 0, fstat(descriptor, &status) == 0, status.st_size > 0 else { return }
        let size = min(Int(status.st_size), 8 << 20)
        guard let file = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), file != MAP_FAILED else { return }
        defer { munmap(file, size) }
        func read() -> Double {
            Self.seconds {
                var sum: UInt8 = 0
                for offset in stride(from: 0, to: size, by: Int(getpagesize())) {
                    sum &+= file.load(fromByteOffset: offset, as: UInt8.self)
                }
                withExtendedLifetime(sum) {}
            }
        }
        let (mapping, again) = (read(), read())
        costs.mapped = max(0, mapping - again) / Double(size)
    }

    /// Lays what the costs known so far do not explain of each probe's time on its kind of work.
    private mutating func settle(_ probes: [Probe], _ works: [Work], _ times: [Double]) {
        costs = Work(touched: costs.touched, mapped: costs.mapped)
        for (index, probe) in probes.enumerated() {
            var work = works[index]
            costs[keyPath: probe.kind] = 0
            let rest = max(0, times[index] - seconds(for: work))
            work[keyPath: probe.kind] = max(work[keyPath: probe.kind], 1)
            costs[keyPath: probe.kind] = rest / work[keyPath: probe.kind]
            switch probe.kind {
            case \.passed: costs.streamed = costs.passed / 4
            // The same products, until their own probes show how much slower they are beside transforms and exponentials.
            case \.products: (costs.winogradProducts, costs.attention) = (costs.products, costs.products)
            default: break
            }
        }
    }

    /// The seconds that work takes.
    public func seconds(for work: Work) -> Double { work.sum(timesEach: costs) }

    /// The mean without the extremes: what a long run has of the machine. The fastest is what it has at good moments.
    private static func typical(_ times: [Double]) -> Double {
        let left = max(1, times.count / 8)
        let kept = times.count > 2 ? times.sorted()[left..<times.count - left] : times[...]
        return kept.reduce(0, +) / Double(kept.count)
    }

    fileprivate static func seconds(_ body: () -> Void) -> Double {
        ContinuousClock().measure(body) / .seconds(1)
    }
}

/// An operation whose time, after what is known of it, tells the cost of one kind of work.
private struct Probe {
    let kind: WritableKeyPath<Work, Double> & Sendable
    let shape: [Int]
    var weight: MeasuredWeight?
    let operation: (Tensor, WeightTensor?) -> Tensor

    init(
        _ kind: WritableKeyPath<Work, Double> & Sendable, on shape: [Int], _ weight: MeasuredWeight? = nil,
        _ operation: @escaping (Tensor, WeightTensor?) -> Tensor
    ) {
        (self.kind, self.shape, self.weight, self.operation) = (kind, shape, weight, operation)
    }

    func work(on planner: Compute) -> Work {
        let before = planner.planned.work
        _ = operation(planner.empty(shape), weight?.tensor)
        return planner.planned.work - before
    }

    func seconds(on compute: Compute) -> Double {
        let x = compute.empty(shape)
        let values = x.pointer
        compute.parallel(x.count, by: Noise.values.count) { range, _ in
            (values + range.lowerBound).update(from: Noise.values, count: range.count)
        }
        // Threads that sleep take longer to begin than those between two layers.
        compute.parallel(compute.threads) { _, _ in }
        return MachineSpeed.seconds { _ = operation(x, weight?.tensor) }
    }

    /// In an order in which each knows the costs that it needs.
    ///
    /// - Parameter values: of a tensor that is passed over.
    static func all(threads: Int, channels c: Int, values: Int) -> [Probe] {
        // As many rows as there are blocks of tiles for all threads alike; with many channels as many as large blocks take.
        let (rows, side) = (12 * threads * max(1, 6 / threads), 64)
        let height = c == 320 ? 2 * rows : max(1, values / 4 / side / c / rows) * rows
        let width = c == 320 ? 640 : 160
        let matrix = MeasuredWeight([width, width])
        let (thin, thick) = (MeasuredWeight([c / 2, c / 2, 3, 3]), MeasuredWeight([c, c, 3, 3]))
        func linear(_ x: Tensor, _ weight: WeightTensor?) -> Tensor { weight.map { x.linear($0) } ?? x }
        func convolution(_ x: Tensor, _ weight: WeightTensor?) -> Tensor {
            let norm = ChannelAffine(scale: x.compute.zeros([1, x.shape[3]]), shift: x.compute.zeros([1, x.shape[3]]))
            return weight.map { x.convolution($0, normalizedBySiLU: norm) } ?? x
        }
        return [
            Probe(\.passed, on: [values]) { x, _ in x.activated(.relu) },
            // Twice as many, of which the caches lose the first before the last is there.
            Probe(\.summed, on: [1, 2 * values / 128 / c, 128, c]) { x, _ in
                let one = x.compute.zeros([c])
                return x.groupNorm(groups: 16, weight: one, bias: one, epsilon: 1e-5).scale
            },
            // What packing adds is known once the products are, and the other way round: products first, with what
            // packing takes, then packing, then products again.
            Probe(\.products, on: [480 * threads, width], matrix, linear),
            Probe(\.packed, on: [24, width], matrix, linear),
            Probe(\.products, on: [480 * threads, width], matrix, linear),
            Probe(\.gates, on: [max(192 * threads, 384), width], MeasuredWeight([2 * width, width])) { x, weight in
                weight.map { x.gatedLinear($0, bias: x.compute.zeros([2 * width])) } ?? x
            },
            Probe(\.winogradWeights, on: [1, 4, 4, c], thick, convolution),
            Probe(\.winogradValues, on: [1, height, side, c / 2], thin, convolution),
            Probe(\.winogradProducts, on: [1, height, side, c], thick, convolution),
            Probe(\.scores, on: [1, 192 * threads, 160]) { x, _ in x.attention(keys: x, values: x, heads: 4) },
            Probe(\.attended, on: [1, 384 * threads, 160]) { x, _ in
                let keys = x.compute.zeros([1, 80, 160])
                return x.attention(keys: keys, values: keys, heads: 4)
            },
        ]
    }
}

/// Values such as real ones: a processor that multiplies zeros takes less power and may run faster.
private enum Noise {
    static let values: [Float] = (0..<4096).map { Float(($0 &* 2_654_435_761) >> 8 & 0xFFFF) / 0x8000 - 1 }
    static let halves = values.map { Float16($0 / 16) }
}

/// A float16 weight of noise.
private final class MeasuredWeight: WeightBytes {
    private let shape: [Int]
    private let halves: UnsafeMutableBufferPointer<Float16>

    init(_ shape: [Int]) {
        self.shape = shape
        halves = .allocate(capacity: shape.reduce(1, *))
        for i in halves.indices { halves.initializeElement(at: i, to: Noise.halves[i % Noise.halves.count]) }
    }

    deinit { halves.deallocate() }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try body(UnsafeRawBufferPointer(halves)) }
    }

    var tensor: WeightTensor { WeightTensor(shape: shape, format: .float16, owner: self) }
}
