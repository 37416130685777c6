import Foundation
import TensorKernels

// Usage: kernel-bench [--threads N] [--kernels avx512|avx2|neon|baseline|blas] [--precision full|half] [--runs N] [name...]
// GFLOP/s of each kernel at the shapes of both models at 512x512 (three branches), counted as the direct algorithm counts
// them, and the error of sampled results against float64.

var threads = Compute.availableThreads
var kernels: String?
var precision = Precision.full
var runs = 5
var filters: [String] = []
var arguments = CommandLine.arguments.dropFirst()
while let argument = arguments.popFirst() {
    switch argument {
    case "--threads": threads = arguments.popFirst().flatMap(Int.init) ?? threads
    case "--kernels": kernels = arguments.popFirst()
    case "--precision": precision = arguments.popFirst().flatMap(Precision.init) ?? precision
    case "--runs": runs = max(1, arguments.popFirst().flatMap(Int.init) ?? runs)
    default: filters.append(argument)
    }
}

var set: KernelSet
do {
    set = try kernels.map { try KernelSet(named: $0) } ?? .chosen()
} catch {
    FileHandle.standardError.write(Data("kernel-bench: \(error)\n".utf8))
    exit(2)
}
set.precision = precision
let compute = Compute(threads: threads, kernels: set)
let bench = Bench(compute: compute, runs: runs, filters: filters)
print("\(set.name), \(precision) precision, \(compute.threads) threads, float16 weights, best of \(runs)")
print("a product of 240 channels that stays in the caches: \(Int(bench.peak)) GFLOP/s")
print(Bench.header)
for shape in KernelShapes.all { bench.run(shape) }
