import CKernels

/// A 3x3 convolution at stride 1 with a border of one by Winograd's F(4x4, 3x3) (Lavin & Gray 2016): each 4x4 tile of the
/// output takes 36 products a channel pair instead of 144.
///
/// Tiles of all images of the batch are numbered row by row. Weights U and inputs V are transformed, multiplied at each of
/// the 36 positions, and the products transformed back for a few output channels at a time, so that those never leave the
/// cache. The larger of U and V is made piece by piece next to its use, the smaller one is held as a whole:
/// large images share U, small ones with many channels share V.
struct WinogradConvolution {
    let weight: WeightTensor
    let input: ConvolutionInput
    let output: ConvolutionOutput

    private static let positions = Int(CK_POSITIONS)
    /// Tiles of a block.
    private static let tileBlock = 48
    /// Output channels worked at together: two panels.
    private static let columnBlock = 32
    /// Input channels of a strip.
    private static let stripChannels = 32
    /// Positions lie this much further apart than their size, else they would all fall into the same cache sets.
    private static let skew = 16

    private var compute: Compute { input.image.compute }
    private var tilesDown: Int { (output.height + 3) / 4 }
    private var tilesAcross: Int { (output.width + 3) / 4 }

    /// Some tiles of one row of tiles.
    private struct Run {
        let image: Int
        let row: Int
        let columns: Range<Int>
    }

    /// Transformed inputs `[position][tile][channel]` or weights `[panel][position][channel][16]`.
    private struct Transformed {
        let base: UnsafeMutablePointer<Float>
        let positionStride: Int
    }

    func run() {
        let blocks = tileBlocks()
        let tiles = input.image.shape[0] * tilesDown * tilesAcross
        let (channels, columns) = (input.channels, output.channels)
        let columnBlocks = (columns + Self.columnBlock - 1) / Self.columnBlock
        let weightsFloats = (columns + 15) / 16 * 16 * channels
        let strips = compute.scratch(compute.threads * stripSize)
        let productSize = Self.positions * (Self.tileBlock * Self.columnBlock + Self.skew)
        let products = compute.scratch(compute.threads * productSize)

        if weightsFloats <= tiles * channels {
            let panels = (columns + 15) / 16
            let weights = compute.scratch(panels * panelSize)
            compute.parallel(panels) { panel, _ in transformWeights(panel: panel, to: weights.pointer + panel * panelSize) }
            let blockSize = inputSize(tiles: Self.tileBlock)
            let inputs = compute.scratch(compute.threads * blockSize)
            compute.parallel(blocks.count) { index, worker in
                let count = blocks[index].reduce(0) { $0 + $1.columns.count }
                let v = Transformed(
                    base: inputs.pointer + worker * blockSize, positionStride: inputPositionStride(tiles: count))
                transformInput(blocks[index], to: v, strip: strips.pointer + worker * stripSize)
                for block in 0..<columnBlocks {
                    multiply(
                        blocks[index], inputs: v, columnBlock: block,
                        weights: weights.pointer + block * (Self.columnBlock / 16) * panelSize,
                        products: products.pointer + worker * productSize)
                }
            }
        } else {
            let inputs = compute.scratch(inputSize(tiles: tiles))
            let stride = inputPositionStride(tiles: tiles)
            var starts = [0]
            for block in blocks { starts.append(starts[starts.count - 1] + block.reduce(0) { $0 + $1.columns.count }) }
            func view(_ index: Int) -> Transformed {
                Transformed(base: inputs.pointer + starts[index] * channels, positionStride: stride)
            }
            compute.parallel(blocks.count) { index, worker in
                transformInput(blocks[index], to: view(index), strip: strips.pointer + worker * stripSize)
            }
            let weightsSize = Self.columnBlock / 16 * panelSize
            let weights = compute.scratch(compute.threads * weightsSize)
            compute.parallel(columnBlocks) { block, worker in
                let u = weights.pointer + worker * weightsSize
                for panel in 0..<(columnPanels(block)) {
                    transformWeights(panel: block * (Self.columnBlock / 16) + panel, to: u + panel * panelSize)
                }
                for index in blocks.indices {
                    multiply(
                        blocks[index], inputs: view(index), columnBlock: block, weights: u,
                        products: products.pointer + worker * productSize)
                }
            }
        }
    }

    // MARK: - Pieces

    /// Blocks of whole rows of tiles where these are short, else of parts of one row.
    private func tileBlocks() -> [[Run]] {
        let rows = input.image.shape[0] * tilesDown
        if tilesAcross <= Self.tileBlock {
            let together = Self.tileBlock / tilesAcross
            return stride(from: 0, to: rows, by: together).map { first in
                (first..<min(rows, first + together)).map {
                    Run(image: $0 / tilesDown, row: $0 % tilesDown, columns: 0..<tilesAcross)
                }
            }
        }
        return (0..<rows).flatMap { row in
            stride(from: 0, to: tilesAcross, by: Self.tileBlock).map { first in
                let columns = first..<min(tilesAcross, first + Self.tileBlock)
                return [Run(image: row / tilesDown, row: row % tilesDown, columns: columns)]
            }
        }
    }

    private var stripSize: Int { 6 * (4 * min(tilesAcross, Self.tileBlock) + 2) * Self.stripChannels }
    private var panelPositionStride: Int { input.channels * 16 + Self.skew }
    private var panelSize: Int { Self.positions * panelPositionStride }
    private func inputPositionStride(tiles: Int) -> Int { tiles * input.channels + Self.skew }
    private func inputSize(tiles: Int) -> Int { Self.positions * inputPositionStride(tiles: tiles) }
    private func columnPanels(_ block: Int) -> Int {
        (min(output.channels, (block + 1) * Self.columnBlock) - block * Self.columnBlock + 15) / 16
    }

    private func transformWeights(panel: Int, to target: UnsafeMutablePointer<Float>) {
        compute.kernels.winograd_weights(
            weight.base, weight.isHalf, output.channels, input.channels, panel * 16, target, panelPositionStride)
    }

    private func transformInput(_ runs: [Run], to v: Transformed, strip: UnsafeMutablePointer<Float>) {
        let channels = input.channels
        var target = v.base
        for run in runs {
            let columns = (4 * run.columns.lowerBound - 1)..<(4 * run.columns.upperBound + 1)
            for first in stride(from: 0, to: channels, by: Self.stripChannels) {
                let range = first..<min(channels, first + Self.stripChannels)
                for y in 0..<6 {
                    input.copyRow(
                        image: run.image, y: 4 * run.row - 1 + y, columns: columns, channels: range,
                        to: strip + y * columns.count * range.count, stride: range.count)
                }
                compute.kernels.winograd_input(
                    strip, columns.count, range.count, run.columns.count, range.count, target + first, channels,
                    v.positionStride)
            }
            target += run.columns.count * channels
        }
    }

    /// The output of some tiles for one block of channels; `weights` are those of the block's panels.
    private func multiply(
        _ runs: [Run], inputs v: Transformed, columnBlock: Int, weights: UnsafePointer<Float>,
        products: UnsafeMutablePointer<Float>
    ) {
        let (channels, out) = (input.channels, output.channels)
        let column = columnBlock * Self.columnBlock
        let columns = min(out, column + Self.columnBlock) - column
        let tiles = runs.reduce(0) { $0 + $1.columns.count }
        let stride = tiles * columns + Self.skew
        for position in 0..<Self.positions {
            compute.multiply(
                v.base + position * v.positionStride, channels, weights + position * panelPositionStride,
                panelStride: panelSize, products + position * stride, columns, rows: tiles, columns: columns,
                depth: channels)
        }
        var product = products
        for run in runs {
            let (y, x) = (4 * run.row, 4 * run.columns.lowerBound)
            let offset = ((run.image * output.height + y) * output.width + x) * out + column
            var epilogue = output.epilogue(image: run.image, offset: offset, channel: column)
            compute.kernels.winograd_output(
                product, columns, stride, run.columns.count, columns, output.image.pointer + offset,
                output.width * out, out, min(4, output.height - y), min(output.width - x, 4 * run.columns.count),
                &epilogue)
            product += run.columns.count * columns
        }
    }
}
