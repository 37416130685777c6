import Foundation
import TestSupport
import Testing

import TensorKernels

/// Which kernels there are to test. A set that this machine lacks is skipped by its name here; all other tests go through
/// those that it has.
@Suite struct KernelSetTests {
    private static func isAvailable(_ name: String) -> Bool { KernelSet.available.contains { $0.name == name } }

    private func isUsed(_ name: String) throws {
        let compute = Compute(threads: 1, kernels: try KernelSet(named: name))
        #expect(compute.kernelSet.name == name)
        #expect(
            compute.tensor([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [5, 2]).linear(
                TestWeight([3, 1], [1, 2], .float32).tensor
            ).values == [5, 13, 21, 29, 37])
    }

    @Test(.enabled(if: isAvailable("avx512"), "not tested: this processor has no AVX-512"))
    func avx512IsUsed() throws { try isUsed("avx512") }

    @Test(.enabled(if: isAvailable("avx2"), "not tested: this processor has no AVX2"))
    func avx2IsUsed() throws { try isUsed("avx2") }

    @Test(.enabled(if: isAvailable("neon"), "not tested: this processor has no NEON"))
    func neonIsUsed() throws { try isUsed("neon") }

    @Test func baselineIsUsed() throws { try isUsed("baseline") }

    @Test(.enabled(if: isAvailable("blas"), "not tested: OpenBLAS is not installed"))
    func blasIsUsed() throws { try isUsed("blas") }

    /// Says what a green run is worth.
    @Test func setsAndProcessorAreNamed() {
        let description = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let model = description.split(separator: "\n").first { $0.hasPrefix("model name") }
            .map { $0.drop { $0 != ":" }.dropFirst().trimmingCharacters(in: .whitespaces) }
        let names = KernelSet.available.map(\.name)
        let missing = KernelSet.names.filter { !names.contains($0) }
        print(
            "kernels tested: \(names.joined(separator: ", ")); not there: \(missing.joined(separator: ", "));",
            "processor: \(model ?? "of unknown name")")
        #expect(names.contains("baseline"))
    }

    @Test(arguments: ["", "avx3", "AVX2", "avx2 ", "\u{0}", "none"])
    func othersAreRefused(name: String) throws {
        let error = try #require(thrownError(KernelSetError.self) { try KernelSet(named: name) })
        #expect(
            error.description.hasPrefix("CARTOONIZE_KERNELS is \"\(name)\", but the kernels that can run here are "))
        #expect(KernelSet.available.allSatisfy { error.description.contains($0.name) })
    }

    @Test func setsOfOtherProcessorsAreRefused() {
        for name in KernelSet.names where !Self.isAvailable(name) {
            #expect(throws: KernelSetError.self) { try KernelSet(named: name) }
        }
    }
}
