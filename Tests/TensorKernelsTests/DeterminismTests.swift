import Foundation
import TensorKernels
import TestSupport
import Testing

/// The same bytes for any number of threads, with all kernels: on random shapes, so many of each set's as
/// `CARTOONIZE_TEST_SHAPES` says.
@Suite struct DeterminismTests {
    private static let shapes =
        ProcessInfo.processInfo.environment["CARTOONIZE_TEST_SHAPES"].flatMap(Int.init) ?? 60

    @Test(arguments: KernelSet.available.map(\.name), Precision.allCases)
    func resultsDoNotDependOnThreads(name: String, precision: Precision) throws {
        var kernels = try KernelSet(named: name)
        kernels.precision = precision
        let computes = (1...9).map { Compute(threads: $0, kernels: kernels) }
        for number in 0..<Self.shapes {
            let operation = Operation(number: number)
            let alone = operation.run(on: computes[0])
            for compute in computes.dropFirst() {
                for (result, expected) in zip(operation.run(on: compute), alone) {
                    let difference = bitDifferences(result, expected)
                    #expect(difference == nil, "\(name), \(precision), \(compute.threads) threads, \(operation.name)")
                }
            }
        }
    }
}

/// One operation on a random shape, the same for the same number.
private struct Operation {
    private(set) var name = ""
    /// - Returns: the results' values.
    private let body: (Compute) -> [Tensor]

    func run(on compute: Compute) -> [[Float]] { body(compute).map(\.values) }

    init(number: Int) {
        var random = RandomValues(seed: UInt64(number))
        switch number % 8 {
        case 0: self = .linear(&random)
        case 1: self = .strassen(&random)
        case 2: self = .gatedLinear(&random)
        case 3: self = .attention(&random)
        case 4: self = .direct(&random)
        // Winograd's way with shared weights, shared inputs, and large blocks.
        case 5: self = .winograd(&random, sides: 1...60, eighths: 1...8, out: 1...40)
        case 6: self = .winograd(&random, sides: 1...12, eighths: 1...12, out: 50...200)
        default: self = .winograd(&random, sides: 40...70, eighths: 32...33, out: 1...40)
        }
    }

    private init(_ name: String, _ body: @escaping (Compute) -> [Tensor]) { (self.name, self.body) = (name, body) }

    private static func linear(_ random: inout RandomValues) -> Operation {
        let (rows, k, n) = (random.int(in: 1...500), random.int(in: 1...400), random.int(in: 1...400))
        return product(&random, rows, k, n)
    }

    private static func strassen(_ random: inout RandomValues) -> Operation {
        let (rows, k, n) = (2 * random.int(in: 192...300), 32 * random.int(in: 8...12), 32 * random.int(in: 1...12))
        return product(&random, rows, k, n)
    }

    private static func product(_ random: inout RandomValues, _ rows: Int, _ k: Int, _ n: Int) -> Operation {
        let (x, bias, residual) = (random.floats(rows * k), random.floats(n), random.floats(rows * n))
        let weight = TestWeight(random.floats(n * k), [n, k], .float16)
        return Operation("linear \(rows)x\(n)x\(k)") {
            [
                $0.tensor(x, [rows, k]).linear(
                    weight.tensor, bias: $0.tensor(bias, [n]), activation: .gelu,
                    adding: $0.tensor(residual, [rows, n]))
            ]
        }
    }

    private static func gatedLinear(_ random: inout RandomValues) -> Operation {
        let (rows, k, n) = (random.int(in: 1...500), 16 * random.int(in: 1...20), 16 * random.int(in: 1...25))
        let (x, bias) = (random.floats(rows * k), random.floats(2 * n))
        let weight = TestWeight(random.floats(2 * n * k), [2 * n, k], .float16)
        return Operation("gated linear \(rows)x\(n)x\(k)") {
            [$0.tensor(x, [rows, k]).gatedLinear(weight.tensor, bias: $0.tensor(bias, [2 * n]))]
        }
    }

    private static func attention(_ random: inout RandomValues) -> Operation {
        let (tokens, heads, depth) = (random.int(in: 1...300), random.int(in: 1...4), random.int(in: 1...80))
        let causal = random.int(in: 0...1) == 0
        let keyTokens = causal ? tokens : random.int(in: 1...300)
        let q = random.floats(2 * tokens * heads * depth)
        let (k, v) = (random.floats(2 * keyTokens * heads * depth), random.floats(2 * keyTokens * heads * depth))
        let keyShape = [2, keyTokens, heads * depth]
        return Operation("attention \(tokens)x\(keyTokens) \(heads)x\(depth)\(causal ? " causal" : "")") {
            [
                $0.tensor(q, [2, tokens, heads * depth]).attention(
                    keys: $0.tensor(k, keyShape), values: $0.tensor(v, keyShape), heads: heads, causal: causal)
            ]
        }
    }

    private static func direct(_ random: inout RandomValues) -> Operation {
        let (channels, out) = (random.int(in: 1...50), random.int(in: 1...80))
        let kernel = random.int(in: 1...4)
        return convolution(
            &random, height: random.int(in: 4...50), width: random.int(in: 4...130), channels: channels, out: out,
            kernel: kernel, stride: random.int(in: kernel == 3 ? 2...3 : 1...3))
    }

    private static func winograd(
        _ random: inout RandomValues, sides: ClosedRange<Int>, eighths: ClosedRange<Int>, out: ClosedRange<Int>
    ) -> Operation {
        convolution(
            &random, height: random.int(in: sides), width: random.int(in: sides), channels: 8 * random.int(in: eighths),
            out: random.int(in: out), kernel: 3, stride: 1)
    }

    /// With a norm before it and what a norm behind it takes from it.
    private static func convolution(
        _ random: inout RandomValues, height: Int, width: Int, channels: Int, out: Int, kernel: Int, stride: Int
    ) -> Operation {
        let batch = random.int(in: 1...2)
        let image = random.floats(batch * height * width * channels)
        let bias = random.floats(out)
        let (normWeight, normBias) = (random.floats(max(channels, out)), random.floats(max(channels, out)))
        let weight = TestWeight(
            random.floats(out * channels * kernel * kernel), [out, channels, kernel, kernel], .float16)
        return Operation("convolution \(batch)x\(height)x\(width) \(channels)>\(out), \(kernel)x\(kernel) by \(stride)")
        {
            compute in
            func norm(_ x: Tensor, _ channels: Int) -> ChannelAffine {
                x.groupNorm(
                    groups: 1, weight: compute.tensor(Array(normWeight[..<channels]), [channels]),
                    bias: compute.tensor(Array(normBias[..<channels]), [channels]), epsilon: 1e-5)
            }
            let x = compute.tensor(image, [batch, height, width, channels])
            let y = x.convolution(
                weight.tensor, bias: compute.tensor(bias, [out]), stride: stride, padding: .all(kernel / 2),
                normalizedBySiLU: norm(x, channels))
            let after = norm(y, out)
            return [y, after.scale, after.shift, y.normalized(by: after, activation: .silu)]
        }
    }
}
