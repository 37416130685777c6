import CKernels

/// A group norm worked out for given activations: `x * scale + shift` for each image and channel.
///
/// Convolutions take it as it is, so that the normalised activations are never written to memory.
public struct ChannelAffine {
    /// `[batch, channels]`
    public let scale: Tensor
    /// `[batch, channels]`
    public let shift: Tensor
}

/// Pixels or tokens of a piece of work.
let pixelBlock = 256

extension Tensor {
    /// The statistics of a group norm (Wu & He 2018) over `[batch, height, width, channels]` (or `[batch, tokens, channels]`),
    /// as a scale and shift for each image and channel.
    ///
    /// - Parameters:
    ///   - groups: divides the channels.
    ///   - weight: `[channels]`
    ///   - bias: `[channels]`
    ///   - epsilon: added to the variance.
    public func groupNorm(groups: Int, weight: Tensor, bias: Tensor, epsilon: Float) -> ChannelAffine {
        let (batch, channels) = (shape[0], shape[shape.count - 1])
        precondition(channels % groups == 0, "\(channels) channels in \(groups) groups")
        let size = channels / groups
        let (scale, shift) = (compute.empty([batch, channels]), compute.empty([batch, channels]))
        let sums = channelSums ?? ChannelSums(of: self)
        let n = Double(count / batch / groups)
        compute.parallel(batch * groups, Work(values: 4 * batch * channels)) { index, _ in
            let (image, group) = (index / groups, index % groups)
            let members = (group * size)..<((group + 1) * size)
            let (sum, squares) = sums.total(image: image, channels: members)
            let mean = sum / n
            let inverse = 1 / (max(0, squares / n - mean * mean) + Double(epsilon)).squareRoot()
            for c in members {
                let factor = inverse * Double(weight.pointer[c])
                scale.pointer[image * channels + c] = Float(factor)
                shift.pointer[image * channels + c] = Float(Double(bias.pointer[c]) - mean * factor)
            }
        }
        return ChannelAffine(scale: scale, shift: shift)
    }

    /// `activation(x * scale + shift)`, the shape unchanged.
    public func normalized(by affine: ChannelAffine, activation: Activation = .none) -> Tensor {
        let (batch, channels) = (shape[0], shape[shape.count - 1])
        let pixels = count / batch / channels
        let result = compute.empty(shape)
        let blocks = (pixels + pixelBlock - 1) / pixelBlock
        let (x, y, kernels) = (pointer, result.pointer, compute.kernels)
        compute.parallel(batch * blocks, Work(values: 2 * count)) { index, _ in
            let (image, first) = (index / blocks, index % blocks * pixelBlock)
            let offset = (image * pixels + first) * channels
            kernels.affine(
                x + offset, channels, y + offset, channels, min(pixels, first + pixelBlock) - first, channels,
                affine.scale.pointer + image * channels, affine.shift.pointer + image * channels, activation.kernel, 0)
        }
        return result
    }

    /// Layer norm (Ba et al. 2016) over the last axis.
    public func layerNorm(weight: Tensor, bias: Tensor, epsilon: Float) -> Tensor {
        let channels = shape[shape.count - 1]
        let result = compute.empty(shape)
        let (x, y, kernels) = (pointer, result.pointer, compute.kernels)
        compute.parallel(count / channels, by: pixelBlock, Work(values: 2 * count)) { rows, _ in
            kernels.layer_norm(
                x + rows.lowerBound * channels, y + rows.lowerBound * channels, rows.count, channels, weight.pointer,
                bias.pointer, epsilon)
        }
        return result
    }
}
