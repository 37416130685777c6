import Foundation
import TensorKernels

/// Reproducible values.
enum Values {
    private final class Owner: WeightBytes {
        let bytes: UnsafeMutableRawBufferPointer
        init(count: Int) { bytes = .allocate(byteCount: count, alignment: 64) }
        deinit { bytes.deallocate() }

        func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
            try withExtendedLifetime(self) { try body(UnsafeRawBufferPointer(bytes)) }
        }
    }

    /// Value number `index`, between -0.5 and 0.5.
    static func value(_ index: Int) -> Float {
        var z = UInt64(truncatingIfNeeded: index) &* 0x9e37_79b9_7f4a_7c15
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        return Float((z ^ (z >> 27)) >> 40) / Float(1 << 24) - 0.5
    }

    static func tensor(_ shape: [Int], on compute: Compute) -> Tensor {
        compute.tensor((0..<shape.reduce(1, *)).map(value), shape)
    }

    /// Values of eight bits, which float16 holds exactly.
    static func weight(_ count: Int, _ shape: [Int]) -> WeightTensor {
        let owner = Owner(count: count * 2)
        for i in 0..<count {
            owner.bytes.storeBytes(of: Float16(weightValue(i)), toByteOffset: i * 2, as: Float16.self)
        }
        return WeightTensor(shape: shape, format: .float16, owner: owner)
    }

    static func weightValue(_ index: Int) -> Float { (value(index &+ 7) * 128).rounded() / 128 }
}

/// A kernel's inputs, and the float64 value of a few of its results.
enum Workload {
    /// - Returns: the operation, and a function that gives its result's relative error on sampled values.
    static func make(_ shape: KernelShape, on compute: Compute) -> (() -> Tensor, (Tensor) -> Double) {
        switch shape {
        case .convolution(let batch, let size, let channels, let out, let stride):
            let x = Values.tensor([batch, size, size, channels], on: compute)
            let weight = Values.weight(out * channels * 9, [out, channels, 3, 3])
            return (
                { x.convolution(weight, stride: stride) },
                { result in
                    let width = result.shape[2]
                    return error(of: result) { index in
                        let (o, column) = (index % out, index / out % width)
                        let (row, b) = (index / out / width % width, index / out / width / width)
                        var sum = 0.0
                        for i in 0..<3 {
                            for j in 0..<3 {
                                let (y, x) = (row * stride + i - 1, column * stride + j - 1)
                                guard y >= 0, y < size, x >= 0, x < size else { continue }
                                for c in 0..<channels {
                                    sum +=
                                        Double(Values.value(((b * size + y) * size + x) * channels + c))
                                        * Double(Values.weightValue((o * channels + c) * 9 + i * 3 + j))
                                }
                            }
                        }
                        return sum
                    }
                }
            )
        case .linear(let rows, let depth, let out):
            let x = Values.tensor([rows, depth], on: compute)
            let weight = Values.weight(out * depth, [out, depth])
            return (
                { x.linear(weight) },
                { error(of: $0) { product(row: $0 / out, column: $0 % out, depth: depth) } }
            )
        case .gated(let rows, let depth, let out):
            let x = Values.tensor([rows, depth], on: compute)
            let weight = Values.weight(2 * out * depth, [2 * out, depth])
            let bias = compute.zeros([2 * out])
            return (
                { x.gatedLinear(weight, bias: bias) },
                {
                    error(of: $0) {
                        let gate = product(row: $0 / out, column: out + $0 % out, depth: depth)
                        return product(row: $0 / out, column: $0 % out, depth: depth)
                            * 0.5 * gate * erfc(-gate * 0.5.squareRoot())
                    }
                }
            )
        case .attention(let batch, let tokens, let keyTokens, let heads, let depth):
            let channels = heads * depth
            let q = Values.tensor([batch, tokens, channels], on: compute)
            let k = Values.tensor([batch, keyTokens, channels], on: compute)
            return (
                { q.attention(keys: k, values: k, heads: heads) },
                {
                    error(of: $0) { index in
                        let (c, t, b) = (index % channels, index / channels % tokens, index / channels / tokens)
                        let first = c / depth * depth
                        let scores = (0..<keyTokens).map { s in
                            (0..<depth).reduce(0.0) {
                                $0 + Double(Values.value((b * tokens + t) * channels + first + $1))
                                    * Double(Values.value((b * keyTokens + s) * channels + first + $1))
                            } / Double(depth).squareRoot()
                        }
                        let weights = scores.map { exp($0) }
                        return zip(weights, 0..<keyTokens).reduce(0.0) {
                            $0 + $1.0 * Double(Values.value((b * keyTokens + $1.1) * channels + c))
                        } / weights.reduce(0, +)
                    }
                }
            )
        case .groupNorm(let batch, let size, let channels):
            let x = Values.tensor([batch, size, size, channels], on: compute)
            let (weight, bias) = (
                compute.tensor(.init(repeating: 1, count: channels), [channels]), compute.zeros([channels])
            )
            let groups = channels % 32 == 0 ? 32 : 8
            return (
                {
                    x.normalized(
                        by: x.groupNorm(groups: groups, weight: weight, bias: bias, epsilon: 1e-5), activation: .silu)
                },
                { result in
                    let n = Double(size * size * channels / groups)
                    let statistics = (0..<(batch * groups)).map { index -> (mean: Double, deviation: Double) in
                        var (sum, squares) = (0.0, 0.0)
                        for p in 0..<(size * size) {
                            for c in 0..<(channels / groups) {
                                let at =
                                    (index / groups * size * size + p) * channels + index % groups * (channels / groups)
                                    + c
                                sum += Double(Values.value(at))
                                squares += Double(Values.value(at)) * Double(Values.value(at))
                            }
                        }
                        return (sum / n, (squares / n - sum / n * sum / n + 1e-5).squareRoot())
                    }
                    return error(of: result) { index in
                        let group = index / (size * size * channels) * groups + index % channels / (channels / groups)
                        let y = (Double(Values.value(index)) - statistics[group].mean) / statistics[group].deviation
                        return y / (1 + exp(-y))
                    }
                }
            )
        case .layerNorm(let rows, let channels):
            let x = Values.tensor([rows, channels], on: compute)
            let (weight, bias) = (
                compute.tensor(.init(repeating: 1, count: channels), [channels]), compute.zeros([channels])
            )
            return (
                { x.layerNorm(weight: weight, bias: bias, epsilon: 1e-5) },
                {
                    error(of: $0) { index in
                        let row = (0..<channels).map { Double(Values.value(index / channels * channels + $0)) }
                        let mean = row.reduce(0, +) / Double(channels)
                        let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(channels)
                        return (row[index % channels] - mean) / (variance + 1e-5).squareRoot()
                    }
                }
            )
        }
    }

    private static func product(row: Int, column: Int, depth: Int) -> Double {
        (0..<depth).reduce(0.0) {
            $0 + Double(Values.value(row * depth + $1)) * Double(Values.weightValue(column * depth + $1))
        }
    }

    /// The relative error, in the Euclidean norm, of about 200 results spread over all.
    private static func error(of result: Tensor, _ expected: (Int) -> Double) -> Double {
        let values = result.values
        let step = max(1, values.count / 200) | 1
        var (difference, norm) = (0.0, 0.0)
        for index in stride(from: 0, to: values.count, by: step) {
            let reference = expected(index)
            difference += (Double(values[index]) - reference) * (Double(values[index]) - reference)
            norm += reference * reference
        }
        return (difference / max(norm, 1e-300)).squareRoot()
    }
}
