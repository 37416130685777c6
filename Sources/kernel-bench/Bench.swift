import Foundation
import TensorKernels

/// Times one kernel after another.
struct Bench {
    let compute: Compute
    let runs: Int
    let filters: [String]
    let peak: Double

    static let header =
        pad("kernel", 40) + pad("ms", 10, left: true) + pad("GFLOP/s", 10, left: true) + pad("of peak", 9, left: true)
        + pad("error", 10, left: true)

    init(compute: Compute, runs: Int, filters: [String]) {
        (self.compute, self.runs, self.filters) = (compute, runs, filters)
        let weight = Values.weight(320 * 320, [320, 320])
        let x = Values.tensor([960 * compute.threads, 320], on: compute)
        let time = Self.best(of: 50) { _ = x.linear(weight) }
        peak = 2 * Double(x.count) * 320 / time / 1e9
    }

    func run(_ shape: KernelShape) {
        guard filters.isEmpty || filters.contains(where: { shape.name.contains($0) }) else { return }
        let (operation, check) = Workload.make(shape, on: compute)
        let result = operation()
        let seconds = Self.best(of: runs) { _ = operation() }
        let speed = shape.operations / seconds / 1e9
        print(
            Self.pad(shape.name, 40) + Self.pad(String(format: "%.2f", seconds * 1e3), 10, left: true)
                + Self.pad(String(format: "%.0f", speed), 10, left: true)
                + Self.pad(String(format: "%.0f %%", 100 * speed / peak), 9, left: true)
                + Self.pad(String(format: "%.1e", check(result)), 10, left: true))
    }

    /// Seconds of the fastest run: what the kernel can do, whatever else the machine did meanwhile.
    private static func best(of runs: Int, _ body: () -> Void) -> Double {
        (0..<runs).reduce(Double.infinity) { best, _ in
            let start = DispatchTime.now().uptimeNanoseconds
            body()
            return min(best, Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9)
        }
    }

    private static func pad(_ text: String, _ width: Int, left: Bool = false) -> String {
        let space = String(repeating: " ", count: max(0, width - text.count))
        return left ? space + text : text + space
    }
}
