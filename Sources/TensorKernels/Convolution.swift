import CKernels

/// The zeros around an image, in pixels.
public struct Padding: Equatable, Sendable {
    /// The rows or columns of zeros on each side.
    public var top, bottom, left, right: Int

    /// Zeros of a width for each side.
    public init(top: Int, bottom: Int, left: Int, right: Int) {
        (self.top, self.bottom, self.left, self.right) = (top, bottom, left, right)
    }

    /// The same on every side.
    public static func all(_ n: Int) -> Padding { Padding(top: n, bottom: n, left: n, right: n) }
}

extension Tensor {
    /// A 2-D convolution over `[batch, height, width, in]`.
    ///
    /// 3x3 kernels at stride 1 over channels in eights take Winograd's way (`WinogradConvolution`), the others the
    /// direct one.
    ///
    /// - Parameters:
    ///   - weight: `[out, in, kernelHeight, kernelWidth]`
    ///   - bias: `[out]`
    ///   - stride: in pixels.
    ///   - padding: zeros around the (enlarged, normalised) input.
    ///   - size: the size to which the input is enlarged first, nearest neighbour; nil leaves it.
    ///   - norm: a group norm applied to the input first, followed by SiLU.
    ///   - residual: a tensor of the result's shape, added last. Given away by its last owner it becomes the result, which
    ///     spares large images the memory and the time for another one.
    /// - Returns: `[batch, outHeight, outWidth, out]`.
    public func convolution(
        _ weight: WeightTensor, bias: Tensor? = nil, stride: Int = 1, padding: Padding = .all(1),
        upsampledTo size: (height: Int, width: Int)? = nil, normalizedBySiLU norm: ChannelAffine? = nil,
        adding residual: consuming Tensor? = nil
    ) -> Tensor {
        let input = ConvolutionInput(image: self, size: size ?? (shape[1], shape[2]), norm: norm)
        let (out, kernelHeight, kernelWidth) = (weight.shape[0], weight.shape[2], weight.shape[3])
        precondition(weight.shape[1] == shape[3], "convolution \(weight.shape) on \(shape)")
        let height = (input.height + padding.top + padding.bottom - kernelHeight) / stride + 1
        let width = (input.width + padding.left + padding.right - kernelWidth) / stride + 1
        let isWinograd = kernelHeight == 3 && kernelWidth == 3 && stride == 1 && padding == .all(1) && shape[3] % 8 == 0
        let output = ConvolutionOutput(
            shape: [shape[0], height, width, out], bias: bias, residual: consume residual, mayReuse: isWinograd,
            on: compute)
        let weight = weight.merged(on: compute)
        defer { compute.used(weight) }
        if isWinograd {
            let convolution = WinogradConvolution(weight: weight, input: input, output: output)
            convolution.run()
            output.image.channelSums = ChannelSums(convolution.sums, count: output.image.count)
        } else {
            DirectConvolution(weight: weight, stride: stride, padding: padding, input: input, output: output).run()
        }
        return output.image
    }
}

/// What a convolution reads: an image, enlarged and normalised on the way.
struct ConvolutionInput {
    /// `[batch, height, width, channels]` before the enlargement.
    let image: Tensor
    let height: Int
    let width: Int
    let norm: ChannelAffine?

    init(image: Tensor, size: (height: Int, width: Int), norm: ChannelAffine?) {
        (self.image, height, width, self.norm) = (image, size.height, size.width, norm)
    }

    var channels: Int { image.shape[3] }

    /// Writes pixels `columns` of row `y` of image `b`, channels `range`, to `target`, `stride` floats a pixel; zeros
    /// outside the image.
    func copyRow(
        image b: Int, y: Int, columns: Range<Int>, channels range: Range<Int>, to target: UnsafeMutablePointer<Float>,
        stride: Int
    ) {
        let (sourceHeight, sourceWidth, all) = (image.shape[1], image.shape[2], channels)
        let inside = max(0, columns.lowerBound)..<max(0, min(width, columns.upperBound))
        func clear(_ pixels: Range<Int>) {
            for x in pixels {
                (target + (x - columns.lowerBound) * stride).update(repeating: 0, count: range.count)
            }
        }
        guard y >= 0, y < height, !inside.isEmpty else { return clear(columns) }
        clear(columns.lowerBound..<inside.lowerBound)
        clear(inside.upperBound..<columns.upperBound)
        let source = image.pointer + (b * sourceHeight + y * sourceHeight / height) * sourceWidth * all
        let nextRow = sourceWidth * all
        func copy(from x: Int, to column: Int, pixels: Int) {
            let (from, to) = (source + x * all + range.lowerBound, target + (column - columns.lowerBound) * stride)
            if let norm {
                let offset = b * all + range.lowerBound
                image.compute.kernels.affine(
                    from, all, to, stride, pixels, range.count, norm.scale.pointer + offset,
                    norm.shift.pointer + offset, CK_SILU, nextRow)
            } else {
                for i in 0..<pixels { (to + i * stride).update(from: from + i * all, count: range.count) }
            }
        }
        if sourceWidth == width {
            copy(from: inside.lowerBound, to: inside.lowerBound, pixels: inside.count)
        } else {
            for x in inside { copy(from: x * sourceWidth / width, to: x, pixels: 1) }
        }
    }
}

/// What a convolution writes, and what it adds on the way.
struct ConvolutionOutput {
    /// `[batch, height, width, channels]`
    let image: Tensor
    let bias: Tensor?
    let residual: Tensor?

    /// - Parameters:
    ///   - shape: of the image.
    ///   - residual: is written over if nothing else refers to it.
    ///   - mayReuse: whether the convolution reads no value of the residual after it wrote that of the image.
    init(shape: [Int], bias: Tensor?, residual: consuming Tensor?, mayReuse: Bool, on compute: Compute) {
        self.bias = bias
        guard var unique = consume residual else {
            (image, self.residual) = (compute.empty(shape), nil)
            return
        }
        precondition(unique.shape == shape, "residual \(unique.shape) for \(shape)")
        image = mayReuse && unique.isUnique ? unique : compute.empty(shape)
        self.residual = unique
    }

    var height: Int { image.shape[1] }
    var width: Int { image.shape[2] }
    var channels: Int { image.shape[3] }

    /// The epilogue for the block that starts at `offset` floats and channel `channel`.
    func epilogue(offset: Int, channel: Int) -> ck_epilogue {
        ck_epilogue(
            bias: bias.map { UnsafePointer($0.pointer + channel) },
            residual: residual.map { UnsafePointer($0.pointer + offset) }, activation: CK_NONE)
    }
}
