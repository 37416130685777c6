import CKernels

/// A convolution of any kernel, stride and padding as matrix products over shifted pixels.
///
/// A block of output pixels copies what it reads (enlarged, normalised, with its border) into a strip once. In the strip
/// the pixels under one row of the kernel lie side by side, so each row of the kernel is one product whose rows are
/// `stride` pixels apart: nothing is unrolled.
struct DirectConvolution {
    let weight: WeightTensor
    let stride: Int
    let padding: Padding
    let input: ConvolutionInput
    let output: ConvolutionOutput

    /// Output pixels side by side in a block.
    private static let blockWidth = 96
    /// Floats of a strip: half of a 512 KB second-level cache.
    private static let stripLimit = 1 << 16

    func run() {
        let depth = input.channels * weight.shape[2] * weight.shape[3]
        for columns in PackedMatrix.chunks(of: output.channels, depth: depth) { run(columns) }
    }

    private func run(_ columns: Range<Int>) {
        let compute = input.image.compute
        let packed = PackedMatrix(convolution: weight, rows: columns, on: compute)
        let (channels, out) = (input.channels, output.channels)
        let (kernelHeight, kernelWidth) = (weight.shape[2], weight.shape[3])
        let width = min(output.width, Self.blockWidth)
        let stripWidth = (width - 1) * stride + kernelWidth
        // As many rows of output as the strip has room for, so that few rows of input are copied twice.
        let rowsInStrip = Self.stripLimit / (stripWidth * channels)
        let height = min(output.height, max(1, (rowsInStrip - kernelHeight) / stride + 1))
        let stripHeight = (height - 1) * stride + kernelHeight
        let strips = compute.scratch(compute.threads * stripHeight * stripWidth * channels)
        let (across, down) = ((output.width + width - 1) / width, (output.height + height - 1) / height)

        // BLAS wants the rows of its operands apart; the kernels multiply overlapping ones, a whole row of the kernel at once.
        let together = compute.multipliesOverlappingRows ? kernelWidth : 1

        let pixels = output.image.count / output.channels
        // Pixels are read, copied into strips, and written.
        let work = Work(
            products: 2 * pixels * columns.count * packed.depth,
            values: 3 * input.image.count + pixels * columns.count)
        compute.parallel(input.image.shape[0] * down * across, work) { index, worker in
            let b = index / (down * across)
            let (top, left) = (index / across % down * height, index % across * width)
            let rows = min(output.height, top + height) - top
            let pixels = min(output.width, left + width) - left
            let strip = strips.pointer + worker * stripHeight * stripWidth * channels
            let first = left * stride - padding.left
            for y in 0..<((rows - 1) * stride + kernelHeight) {
                input.copyRow(
                    image: b, y: top * stride - padding.top + y,
                    columns: first..<(first + (pixels - 1) * stride + kernelWidth), channels: 0..<channels,
                    to: strip + y * stripWidth * channels, stride: channels)
            }
            for row in 0..<rows {
                let offset = ((b * output.height + top + row) * output.width + left) * out + columns.lowerBound
                let result = output.image.pointer + offset
                for tap in Swift.stride(from: 0, to: kernelHeight * kernelWidth, by: together) {
                    let (i, j) = (tap / kernelWidth, tap % kernelWidth)
                    compute.multiply(
                        strip + ((row * stride + i) * stripWidth + j) * channels, stride * channels,
                        packed.panel(column: 0, row: tap * channels), panelStride: packed.stride, result, out,
                        rows: pixels, columns: columns.count, depth: together * channels, accumulate: tap > 0)
                }
                var epilogue = output.epilogue(offset: offset, channel: columns.lowerBound)
                compute.kernels.finish(result, out, out, pixels, columns.count, &epilogue)
            }
        }
    }
}
