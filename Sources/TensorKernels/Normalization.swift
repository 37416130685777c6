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
private let pixelBlock = 256

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
        let blocks = (pixels + pixelBlock - 1) / pixelBlock
        // Sums and sums of squares of each block, in double: a mean far from zero leaves enough digits for the variance.
        let partial = compute.scratch(batch * blocks * channels * 4)
        let sums = UnsafeMutableRawPointer(partial.pointer).bindMemory(
            to: Double.self, capacity: batch * blocks * channels * 2)
        let (x, kernels) = (pointer, compute.kernels)
        compute.plan?.sum(count)
        compute.parallel(batch * blocks) { index, _ in
            let first = index % blocks * pixelBlock
            let rows = min(pixels, first + pixelBlock) - first
            let block = sums + index * channels * 2
            block.update(repeating: 0, count: channels * 2)
            kernels.column_sums(
                x + (index / blocks * pixels + first) * channels, channels, rows, channels, block, block + channels)
        }
        let n = Double(pixels * size)
        compute.parallel(batch * groups) { index, _ in
            let (b, group) = (index / groups, index % groups)
            let members = (group * size)..<((group + 1) * size)
            var (sum, squares) = (0.0, 0.0)
            for block in 0..<blocks {
                let values = sums + (b * blocks + block) * channels * 2
                for c in members {
                    sum += values[c]
                    squares += values[channels + c]
                }
            }
            let mean = sum / n
            let inverse = 1 / (max(0, squares / n - mean * mean) + Double(epsilon)).squareRoot()
            for c in members {
                let factor = inverse * Double(weight.pointer[c])
                scale.pointer[b * channels + c] = Float(factor)
                shift.pointer[b * channels + c] = Float(Double(bias.pointer[c]) - mean * factor)
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
        compute.plan?.pass(over: 2 * count)
        compute.parallel(batch * blocks) { index, _ in
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
        compute.plan?.pass(over: 2 * count)
        compute.parallel(count / channels, by: pixelBlock) { rows, _ in
            kernels.layer_norm(
                x + rows.lowerBound * channels, y + rows.lowerBound * channels, rows.count, channels, weight.pointer,
                bias.pointer, epsilon)
        }
        return result
    }
}
