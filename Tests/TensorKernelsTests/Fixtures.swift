import TensorKernels
import TestSupport

/// One for each set of kernels that can run here.
var computes: [Compute] { KernelSet.available.map { Compute(threads: 3, kernels: $0) } }

/// float32's rounding unit.
let unit = Double(Float.ulpOfOne) / 2

/// The relative error that a sum of `length` rounded products may have: rounding errors add up like a random walk
/// (Higham & Mary 2019), with a factor of 4 for the unlikely walk, and a few roundings outside the sum.
func tolerance(length: Int) -> Double { (4 * Double(length).squareRoot() + 8) * unit }

/// Values as a checkpoint's tensor, and what the kernels read from it.
struct TestWeight {
    let tensor: WeightTensor
    let values: [Double]

    private final class Owner: WeightBytes {
        let bytes: UnsafeMutableRawBufferPointer
        init(count: Int) { bytes = .allocate(byteCount: count, alignment: 16) }
        deinit { bytes.deallocate() }

        func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
            try withExtendedLifetime(self) { try body(UnsafeRawBufferPointer(bytes)) }
        }
    }

    init(_ values: [Float], _ shape: [Int], _ format: WeightTensor.Format) {
        let owner = Owner(count: values.count * (format == .float32 ? 4 : 2))
        switch format {
        case .float32:
            for (i, x) in values.enumerated() { owner.bytes.storeBytes(of: x, toByteOffset: i * 4, as: Float.self) }
            self.values = values.map(Double.init)
        case .float16:
            let halves = values.map { Float16($0) }
            for (i, x) in halves.enumerated() { owner.bytes.storeBytes(of: x, toByteOffset: i * 2, as: Float16.self) }
            self.values = halves.map(Double.init)
        case .blocks: preconditionFailure("only sums are in blocks")
        }
        tensor = WeightTensor(shape: shape, format: format, owner: owner)
    }
}

extension [Float] {
    var doubles: [Double] { map(Double.init) }
}
