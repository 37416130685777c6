import Foundation
import TensorKernels

/// Times one kernel after another.
struct Bench {
    let compute: Compute
    let runs: Int
    let filters: [String]
    private(set) var peak = 0.0
    static let header =
        pad("kernel", 40) + pad("ms", 10, left: true) + pad("GFLOP/s", 10, left: true) + pad("of peak", 9, left: true)
        + pad("error", 10, left: true)

    init(compute: Compute, runs: Int, filters: [String]) {
        (self.compute, self.runs, self.filters) = (compute, runs, filters)
        let weight = Values.weight(240 * 240, [240, 240])
        let x = Values.tensor([960 * compute.threads, 240], on: compute)
        let time = best(of: 50) { _ = x.linear(weight) }
        peak = 2 * Double(x.count) * 240 / time / 1e9
    }

    func run(_ shape: KernelShape) {
        guard filters.isEmpty || filters.contains(where: { shape.name.contains($0) }) else { return }
        let (operation, check) = Workload.make(shape, on: compute)
        let result = operation()
        let seconds = best(of: runs) { _ = operation() }
        let speed = shape.operations / seconds / 1e9
        print(
            Self.pad(shape.name, 40) + Self.pad(String(format: "%.2f", seconds * 1e3), 10, left: true)
                + Self.pad(String(format: "%.0f", speed), 10, left: true)
                + Self.pad(String(format: "%.0f %%", 100 * speed / peak), 9, left: true)
                + Self.pad(String(format: "%.1e", check(result)), 10, left: true))
    }

    /// Seconds of the fastest run: what the kernel can do, whatever else the machine did meanwhile. For the same reason
    /// one thread's time is the processor's.
    private func best(of runs: Int, _ body: () -> Void) -> Double {
        let clock = compute.threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC
        func now() -> Double {
            var time = timespec()
            clock_gettime(clock, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        }
        return (0..<runs).reduce(Double.infinity) { best, _ in
            let start = now()
            body()
            return min(best, now() - start)
        }
    }

    private static func pad(_ text: String, _ width: Int, left: Bool = false) -> String {
        let space = String(repeating: " ", count: max(0, width - text.count))
        return left ? space + text : text + space
    }
}
