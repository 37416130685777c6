import Foundation
import TensorKernels

// Usage: kernel-bench [--threads N] [--kernels avx512|avx2|baseline] [--runs N] [name...]
// GFLOP/s of each kernel at the shapes of both models at 512x512 (three branches), counted as the direct algorithm counts
// them, the error of sampled results against float64, and the time that is predicted for runs (`MachineSpeed`) as a share of that
// measured.

var threads = Compute.availableThreads
var instructionSet: Compute.InstructionSet?
var runs = 5
var filters: [String] = []
var arguments = CommandLine.arguments.dropFirst()
while let argument = arguments.popFirst() {
    switch argument {
    case "--threads": threads = arguments.popFirst().flatMap(Int.init) ?? threads
    case "--kernels": instructionSet = arguments.popFirst().flatMap(Compute.InstructionSet.init)
    case "--runs": runs = max(1, arguments.popFirst().flatMap(Int.init) ?? runs)
    default: filters.append(argument)
    }
}

let compute = Compute(threads: threads, instructionSet: instructionSet)
let bench = Bench(compute: compute, runs: runs, filters: filters)
print("\(compute.instructionSet.rawValue), \(threads) threads, float16 weights, best of \(runs)")
print("a product of 240 channels that stays in the caches: \(Int(bench.peak)) GFLOP/s")
print(Bench.header)
for shape in KernelShapes.all { bench.run(shape) }
