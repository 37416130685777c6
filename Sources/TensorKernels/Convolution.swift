/// The zeros around an image, in pixels.
public struct Padding: Equatable, Sendable {
    public var top, bottom, left, right: Int

    public init(top: Int, bottom: Int, left: Int, right: Int) {
        (self.top, self.bottom, self.left, self.right) = (top, bottom, left, right)
    }

    /// The same on every side.
    public static func all(_ n: Int) -> Padding { Padding(top: n, bottom: n, left: n, right: n) }
}

extension Tensor {
    /// A 2-D convolution over `[batch, height, width, in]`.
    ///
    /// - Parameters:
    ///   - weight: `[out, in, kernelHeight, kernelWidth]`
    ///   - bias: `[out]`
    ///   - stride: 1 or 2, in pixels.
    ///   - padding: zeros around the (normalised) input.
    ///   - norm: a group norm applied to the input first, followed by SiLU.
    ///   - perImage: `[batch, out]`, added to every pixel of its image (the time embedding).
    ///   - residual: a tensor of the result's shape, added last.
    /// - Returns: `[batch, outHeight, outWidth, out]`.
    public func convolution(
        _ weight: WeightTensor, bias: Tensor? = nil, stride: Int = 1, padding: Padding = .all(1),
        normalizedBySiLU norm: ChannelAffine? = nil, addingPerImage perImage: Tensor? = nil,
        adding residual: Tensor? = nil
    ) -> Tensor {
        let input = norm.map { normalized(by: $0, activation: .silu) } ?? self
        let (batch, height, width, channels) = (shape[0], shape[1], shape[2], shape[3])
        let (out, kh, kw) = (weight.shape[0], weight.shape[2], weight.shape[3])
        precondition(weight.shape[1] == channels, "convolution \(weight.shape) on \(shape)")
        let outHeight = (height + padding.top + padding.bottom - kh) / stride + 1
        let outWidth = (width + padding.left + padding.right - kw) / stride + 1
        let result = compute.empty([batch, outHeight, outWidth, out])
        for b in 0..<batch {
            for y in 0..<outHeight {
                for x in 0..<outWidth {
                    for o in 0..<out {
                        var sum: Float = (bias?.pointer[o] ?? 0) + (perImage?.pointer[b * out + o] ?? 0)
                        for i in 0..<kh {
                            let sy = y * stride + i - padding.top
                            guard sy >= 0, sy < height else { continue }
                            for j in 0..<kw {
                                let sx = x * stride + j - padding.left
                                guard sx >= 0, sx < width else { continue }
                                let pixel = input.pointer + ((b * height + sy) * width + sx) * channels
                                for c in 0..<channels {
                                    sum += pixel[c] * weight[((o * channels + c) * kh + i) * kw + j]
                                }
                            }
                        }
                        let index = ((b * outHeight + y) * outWidth + x) * out + o
                        result.pointer[index] = sum + (residual?.pointer[index] ?? 0)
                    }
                }
            }
        }
        return result
    }
}
