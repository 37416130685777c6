import CKernels

/// A convolution of any kernel, stride and padding as matrix products over gathered pixels.
///
/// A block of output pixels gathers the inputs of some of the kernel's taps side by side and multiplies them with the
/// taps' weights, so no unrolled image is ever held.
struct DirectConvolution {
    let weight: WeightTensor
    let stride: Int
    let padding: Padding
    let input: ConvolutionInput
    let output: ConvolutionOutput

    /// Output pixels of a piece of work.
    private static let block = 96
    /// Gathered channels of one product: enough to keep the kernel busy with few input channels.
    private static let depthLimit = 1024

    func run() {
        let compute = input.image.compute
        let packed = PackedMatrix(convolution: weight, on: compute)
        let (channels, out) = (input.channels, output.channels)
        let (kernelWidth, taps) = (weight.shape[3], weight.shape[2] * weight.shape[3])
        let together = min(taps, max(1, Self.depthLimit / channels))
        let depth = together * channels
        let gathered = compute.scratch(compute.threads * Self.block * depth)
        let pixels = output.height * output.width
        let blocks = (pixels + Self.block - 1) / Self.block
        compute.parallel(input.image.shape[0] * blocks) { index, worker in
            let (b, first) = (index / blocks, index % blocks * Self.block)
            let rows = min(pixels, first + Self.block) - first
            let offset = (b * pixels + first) * out
            let result = output.image.pointer + offset
            let buffer = gathered.pointer + worker * Self.block * depth
            for tap in Swift.stride(from: 0, to: taps, by: together) {
                let last = min(taps, tap + together)
                for i in tap..<last {
                    gather(
                        image: b, pixels: first..<(first + rows), tap: (i / kernelWidth, i % kernelWidth),
                        to: buffer + (i - tap) * channels, stride: (last - tap) * channels)
                }
                compute.multiply(
                    buffer, (last - tap) * channels, packed.panel(column: 0, row: tap * channels),
                    panelStride: packed.stride, result, out, rows: rows, columns: out,
                    depth: (last - tap) * channels, accumulate: tap > 0)
            }
            var epilogue = output.epilogue(image: b, offset: offset, channel: 0)
            compute.kernels.finish(result, out, out, rows, out, &epilogue)
        }
    }

    /// Copies the input pixel under one tap for each of `pixels`, `stride` floats apart.
    private func gather(
        image b: Int, pixels: Range<Int>, tap: (y: Int, x: Int), to target: UnsafeMutablePointer<Float>, stride: Int
    ) {
        for pixel in pixels {
            let y = pixel / output.width * self.stride + tap.y - padding.top
            let x = pixel % output.width * self.stride + tap.x - padding.left
            input.copyRow(
                image: b, y: y, columns: x..<(x + 1), channels: 0..<input.channels,
                to: target + (pixel - pixels.lowerBound) * stride, stride: stride)
        }
    }
}
