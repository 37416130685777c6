/// A group norm worked out for given activations: `x * scale + shift` for each image and channel.
///
/// Convolutions take it as it is, so that the normalised activations are never written to memory.
public struct ChannelAffine {
    /// `[batch, channels]`
    public let scale: Tensor
    /// `[batch, channels]`
    public let shift: Tensor
}

extension Tensor {
    /// The statistics of a group norm (Wu & He 2018) over `[batch, height, width, channels]` (or `[batch, tokens, channels]`),
    /// as a scale and shift for each image and channel.
    ///
    /// - Parameters:
    ///   - groups: divides the channels.
    ///   - weight: `[channels]`
    ///   - bias: `[channels]`
    public func groupNorm(groups: Int, weight: Tensor, bias: Tensor, epsilon: Float) -> ChannelAffine {
        let (batch, channels) = (shape[0], shape[shape.count - 1])
        precondition(channels % groups == 0, "\(channels) channels in \(groups) groups")
        let (pixels, size) = (count / batch / channels, channels / groups)
        let (scale, shift) = (compute.empty([batch, channels]), compute.empty([batch, channels]))
        for b in 0..<batch {
            for g in 0..<groups {
                var (sum, squares) = (0.0, 0.0)
                for p in 0..<pixels {
                    for c in 0..<size {
                        let x = Double(pointer[(b * pixels + p) * channels + g * size + c])
                        sum += x
                        squares += x * x
                    }
                }
                let n = Double(pixels * size)
                let mean = sum / n
                let inverse = 1 / (max(0, squares / n - mean * mean) + Double(epsilon)).squareRoot()
                for c in (g * size)..<((g + 1) * size) {
                    scale.pointer[b * channels + c] = Float(inverse) * weight.pointer[c]
                    shift.pointer[b * channels + c] = bias.pointer[c] - Float(mean * inverse) * weight.pointer[c]
                }
            }
        }
        return ChannelAffine(scale: scale, shift: shift)
    }

    /// `activation(x * scale + shift)`, the shape unchanged.
    public func normalized(by affine: ChannelAffine, activation: Activation = .none) -> Tensor {
        let (batch, channels) = (shape[0], shape[shape.count - 1])
        let pixels = count / batch / channels
        let result = compute.empty(shape)
        for b in 0..<batch {
            for p in 0..<pixels {
                for c in 0..<channels {
                    let i = (b * pixels + p) * channels + c
                    result.pointer[i] = activation(
                        pointer[i] * affine.scale.pointer[b * channels + c] + affine.shift.pointer[b * channels + c])
                }
            }
        }
        return result
    }

    /// Layer norm (Ba et al. 2016) over the last axis.
    public func layerNorm(weight: Tensor, bias: Tensor, epsilon: Float) -> Tensor {
        let channels = shape[shape.count - 1]
        let result = compute.empty(shape)
        for r in 0..<(count / channels) {
            var (sum, squares) = (0.0, 0.0)
            for c in 0..<channels { sum += Double(pointer[r * channels + c]) }
            let mean = sum / Double(channels)
            for c in 0..<channels {
                let d = Double(pointer[r * channels + c]) - mean
                squares += d * d
            }
            let inverse = 1 / (squares / Double(channels) + Double(epsilon)).squareRoot()
            for c in 0..<channels {
                let x = (Double(pointer[r * channels + c]) - mean) * inverse
                result.pointer[r * channels + c] = Float(x) * weight.pointer[c] + bias.pointer[c]
            }
        }
        return result
    }
}
