import Foundation

/// The kernels as their definitions read, in double: the twins that the fast ones are held against.
public enum NaiveKernels {
    /// `x [rows, k]` times `weight [n, k]` transposed.
    public static func matrixMultiply(_ x: [Double], _ weight: [Double], rows: Int, n: Int, k: Int) -> [Double] {
        var result = [Double](repeating: 0, count: rows * n)
        for r in 0..<rows {
            for c in 0..<n {
                var sum = 0.0
                for i in 0..<k { sum += x[r * k + i] * weight[c * k + i] }
                result[r * n + c] = sum
            }
        }
        return result
    }

    public struct ConvolutionShape {
        public var batch, height, width, channels, out, kernelHeight, kernelWidth, stride: Int
        public var top, bottom, left, right: Int

        public init(
            batch: Int, height: Int, width: Int, channels: Int, out: Int, kernelHeight: Int = 3, kernelWidth: Int = 3,
            stride: Int = 1, top: Int = 1, bottom: Int = 1, left: Int = 1, right: Int = 1
        ) {
            (self.batch, self.height, self.width, self.channels, self.out) = (batch, height, width, channels, out)
            (self.kernelHeight, self.kernelWidth, self.stride) = (kernelHeight, kernelWidth, stride)
            (self.top, self.bottom, self.left, self.right) = (top, bottom, left, right)
        }

        public var outHeight: Int { (height + top + bottom - kernelHeight) / stride + 1 }
        public var outWidth: Int { (width + left + right - kernelWidth) / stride + 1 }
    }

    /// `image [batch, height, width, channels]` with `weight [out, channels, kernelHeight, kernelWidth]`.
    public static func convolution(_ image: [Double], _ weight: [Double], _ s: ConvolutionShape) -> [Double] {
        var result = [Double](repeating: 0, count: s.batch * s.outHeight * s.outWidth * s.out)
        var index = 0
        for b in 0..<s.batch {
            for y in 0..<s.outHeight {
                for x in 0..<s.outWidth {
                    for o in 0..<s.out {
                        var sum = 0.0
                        for i in 0..<s.kernelHeight {
                            let sy = y * s.stride + i - s.top
                            guard sy >= 0, sy < s.height else { continue }
                            for j in 0..<s.kernelWidth {
                                let sx = x * s.stride + j - s.left
                                guard sx >= 0, sx < s.width else { continue }
                                let pixel = ((b * s.height + sy) * s.width + sx) * s.channels
                                let kernel = (o * s.channels * s.kernelHeight + i) * s.kernelWidth + j
                                for c in 0..<s.channels {
                                    sum += image[pixel + c] * weight[kernel + c * s.kernelHeight * s.kernelWidth]
                                }
                            }
                        }
                        result[index] = sum
                        index += 1
                    }
                }
            }
        }
        return result
    }

    /// `queries [tokens, heads * depth]` over `keys`, `values` `[keyTokens, heads * depth]`.
    public static func attention(
        _ queries: [Double], _ keys: [Double], _ values: [Double], tokens: Int, keyTokens: Int, heads: Int, depth: Int,
        causal: Bool
    ) -> [Double] {
        let channels = heads * depth
        var result = [Double](repeating: 0, count: tokens * channels)
        for h in 0..<heads {
            for t in 0..<tokens {
                let visible = causal ? min(t + 1, keyTokens) : keyTokens
                var weights = (0..<visible).map { s -> Double in
                    let (query, key) = (t * channels + h * depth, s * channels + h * depth)
                    var score = 0.0
                    for i in 0..<depth { score += queries[query + i] * keys[key + i] }
                    return score / Double(depth).squareRoot()
                }
                let top = weights.max() ?? 0
                weights = weights.map { exp($0 - top) }
                let total = weights.reduce(0, +)
                for i in 0..<depth {
                    var sum = 0.0
                    for s in 0..<visible { sum += weights[s] * values[s * channels + h * depth + i] }
                    result[t * channels + h * depth + i] = sum / total
                }
            }
        }
        return result
    }

    public static func groupNorm(
        _ x: [Double], batch: Int, pixels: Int, channels: Int, groups: Int, weight: [Double], bias: [Double],
        epsilon: Double
    ) -> [Double] {
        var result = x
        let size = channels / groups
        for b in 0..<batch {
            for g in 0..<groups {
                let indices = (0..<pixels).flatMap { p -> [Int] in
                    let first = (b * pixels + p) * channels + g * size
                    return Array(first..<first + size)
                }
                var (sum, squares) = (0.0, 0.0)
                for i in indices { sum += x[i] }
                let mean = sum / Double(indices.count)
                for i in indices { squares += (x[i] - mean) * (x[i] - mean) }
                let variance = squares / Double(indices.count)
                for i in indices {
                    let c = i % channels
                    result[i] = (x[i] - mean) / (variance + epsilon).squareRoot() * weight[c] + bias[c]
                }
            }
        }
        return result
    }

    public static func layerNorm(_ x: [Double], columns: Int, weight: [Double], bias: [Double], epsilon: Double)
        -> [Double]
    {
        groupNorm(
            x, batch: x.count / columns, pixels: 1, channels: columns, groups: 1, weight: weight, bias: bias,
            epsilon: epsilon)
    }

    public static func silu(_ x: Double) -> Double { x / (1 + exp(-x)) }
    public static func quickGELU(_ x: Double) -> Double { x / (1 + exp(-1.702 * x)) }
    public static func gelu(_ x: Double) -> Double { 0.5 * x * erfc(-x * 0.5.squareRoot()) }
}
