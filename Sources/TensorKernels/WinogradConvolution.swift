import CKernels

/// A 3x3 convolution at stride 1 with a border of one by Winograd's F(4x4, 3x3) (Lavin & Gray 2016): each 4x4 tile of the
/// output takes 36 products a channel pair instead of 144.
///
/// Weights U and inputs V are transformed, multiplied at each of the 36 positions, and the products transformed back for a
/// few output channels at a time, so that those never leave the cache. The larger of U and V is made piece by piece next to
/// its use, the smaller one is held as a whole: large images share U, small ones with many channels share V.
///
/// Measured against the direct algorithm at OpenBLAS's speed it takes 0.32 to 0.45 of the time at all shapes of Stable
/// Diffusion's UNet and autoencoder. F(2x2, 3x3) has nothing to win beside it: where tiles are few the transformed weights
/// cost no more than the direct ones' packing.
struct WinogradConvolution {
    let weight: WeightTensor
    let input: ConvolutionInput
    let output: ConvolutionOutput
    /// Of the output's channels, over pieces of a row of tiles.
    let sums: ChannelSums.Pieces
    /// Tiles of a block, at most.
    private let tileBlock: Int
    /// Output channels worked at together.
    private let columnBlock: Int
    /// Whether the transformed weights are held as a whole, else the inputs.
    private let sharesWeights: Bool

    private static let positions = Int(CK_POSITIONS)
    /// The rows of positions whose transformed weights are made together.
    private static let rowPairs = [[0, 5], [1, 2], [3, 4]]
    /// Tiles side by side in a block.
    private static let blockWidth = 16
    /// Input channels of a strip.
    private static let stripChannels = 32
    /// Positions lie this much further apart than their size, else they would all fall into the same cache sets.
    private static let skew = 16

    private var compute: Compute { input.image.compute }
    /// The kernels' flag for them.
    private var pairs: Int32 { compute.isHalf ? 1 : 0 }
    private var tilesDown: Int { (output.height + 3) / 4 }
    private var tilesAcross: Int { (output.width + 3) / 4 }

    init(weight: WeightTensor, input: ConvolutionInput, output: ConvolutionOutput) {
        (self.weight, self.input, self.output) = (weight, input, output)
        let across = ((output.width + 3) / 4 + Self.blockWidth - 1) / Self.blockWidth
        sums = ChannelSums.Pieces(
            images: output.image.shape[0], count: (output.height + 3) / 4 * across, channels: output.channels,
            on: input.image.compute)
        let tiles = input.image.shape[0] * ((output.height + 3) / 4) * ((output.width + 3) / 4)
        sharesWeights = output.channels <= tiles
        // With few channels a block's transformed inputs and products stay in the second-level cache. With many they
        // cannot: then larger blocks read the transformed weights less often, as long as every thread gets some. (Only where
        // the cut changes no value, each being the same sum in the same order, may the number of threads decide it.)
        let large = sharesWeights && input.channels >= 256
        let compute = input.image.compute
        let sizes = large && compute.roundsRowsAlike ? [144, 96] : []
        tileBlock = sizes.first { tiles / $0 >= 2 * compute.threads } ?? 48
        columnBlock = large ? 160 : 64
    }

    func run() {
        if sharesWeights { runSharingWeights() } else { runSharingInputs() }
    }

    /// Each thread transforms the inputs of a block of tiles and makes all of their output.
    private func runSharingWeights() {
        let (channels, blocks) = (input.channels, tileBlocks())
        let panelSize = Self.positions * weightsPositionStride(channels: channels)
        let panels = (output.channels + 15) / 16
        let weights = compute.scratch(panels * panelSize)
        let tapsSize = tapsSize(channels: channels)
        let taps = compute.scratch(compute.threads * tapsSize)
        compute.parallel(panels, weightWork) { panel, worker in
            let taps = taps.pointer + worker * tapsSize
            packTaps(panel: panel, channels: 0..<channels, to: taps)
            let u = Positions(weights.pointer + panel * panelSize, weightsPositionStride(channels: channels))
            for (pair, rows) in Self.rowPairs.enumerated() {
                compute.kernels.winograd_weights(
                    pairs, taps, channels, pair, u[6 * rows[0]], u[6 * rows[1]], u.stride)
            }
        }
        let inputsSize = Self.positions * inputsPositionStride(tiles: tileBlock)
        let productsSize = Self.positions * productsPositionStride(tiles: tileBlock)
        let inputs = compute.scratch(compute.threads * inputsSize)
        let products = compute.scratch(compute.threads * productsSize)
        let strips = compute.scratch(compute.threads * stripSize)
        compute.parallel(blocks.count, inputWork + productWork) { index, worker in
            let block = blocks[index]
            let tiles = block.tileCount
            let v = Positions(inputs.pointer + worker * inputsSize, inputsPositionStride(tiles: tiles))
            let m = Positions(products.pointer + worker * productsSize, productsPositionStride(tiles: tiles))
            transformInput(block, to: v, strip: strips.pointer + worker * stripSize)
            for columns in columnBlocks() {
                let u = weights.pointer + columns.lowerBound / 16 * panelSize
                for position in 0..<Self.positions {
                    multiply(
                        v[position], tiles: tiles, channels: 0..<channels,
                        weights: u + position * weightsPositionStride(channels: channels), panelStride: panelSize,
                        columns: columns.count, to: m[position])
                }
                transformOutput(block, from: m, columns: columns)
            }
        }
    }

    /// Each thread transforms the weights of a block of output channels and makes these of all tiles; the weights two rows
    /// of positions and a part of the input channels at a time, so that they are still in the cache when they are used.
    private func runSharingInputs() {
        let tiles = tileCount
        let (blocks, columnBlocks) = (tileBlocks(), columnBlocks())
        // With few tiles the time goes into the weights, with many into reading and writing the products again.
        let channelBlock = tiles <= 48 ? 160 : 640
        let v = compute.scratch(Self.positions * inputsPositionStride(tiles: tiles))
        let inputs = Positions(v.pointer, inputsPositionStride(tiles: tiles))
        let starts = blocks.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.tileCount) }
        let strips = compute.scratch(compute.threads * stripSize)
        compute.parallel(blocks.count, inputWork) { index, worker in
            transformInput(
                blocks[index], to: inputs.advanced(by: starts[index] * inputsRow),
                strip: strips.pointer + worker * stripSize)
        }
        let tapsSize = tapsSize(channels: channelBlock)
        let panelSize = 2 * 6 * weightsPositionStride(channels: channelBlock)
        let productsSize = Self.positions * productsPositionStride(tiles: tiles)
        let panelsAtOnce = columnBlock / 16
        let taps = compute.scratch(compute.threads * panelsAtOnce * tapsSize)
        let weights = compute.scratch(compute.threads * panelsAtOnce * panelSize)
        let products = compute.scratch(compute.threads * productsSize)
        compute.parallel(columnBlocks.count, weightWork + productWork) { index, worker in
            let columns = columnBlocks[index]
            let panels = 0..<(columns.count + 15) / 16
            let taps = taps.pointer + worker * panelsAtOnce * tapsSize
            let u = weights.pointer + worker * panelsAtOnce * panelSize
            let m = Positions(products.pointer + worker * productsSize, productsPositionStride(tiles: tiles))
            for first in stride(from: 0, to: input.channels, by: channelBlock) {
                let channels = first..<min(input.channels, first + channelBlock)
                let uStride = weightsPositionStride(channels: channels.count)
                for panel in panels {
                    packTaps(panel: columns.lowerBound / 16 + panel, channels: channels, to: taps + panel * tapsSize)
                }
                for pair in Self.rowPairs.indices {
                    for panel in panels {
                        let low = u + panel * panelSize
                        compute.kernels.winograd_weights(
                            pairs, taps + panel * tapsSize, channels.count, pair, low, low + 6 * uStride, uStride)
                    }
                    for x in 0..<6 {
                        for (i, row) in Self.rowPairs[pair].enumerated() {
                            multiply(
                                inputs[6 * row + x], tiles: tiles, channels: channels,
                                weights: u + (6 * i + x) * uStride, panelStride: panelSize, columns: columns.count,
                                to: m[6 * row + x])
                        }
                    }
                }
            }
            for (index, block) in blocks.enumerated() {
                transformOutput(block, from: m.advanced(by: starts[index] * columns.count), columns: columns)
            }
        }
    }

    // MARK: - Work

    /// Taps are upcast, read, and transformed into those of 36 positions.
    private var weightWork: Work { Work(values: weight.byteCount / 4 + (9 + 9 + Self.positions) * weight.count / 9) }

    /// Pixels are read, and tiles written.
    private var inputWork: Work { Work(values: input.image.count + Self.positions * tileCount * input.channels) }

    /// Tiles are read, products written and read, and pixels written.
    private var productWork: Work {
        // Kernels work at panels of columns.
        let outputs = (output.channels + PackedMatrix.panel - 1) / PackedMatrix.panel * PackedMatrix.panel
        return Work(
            winograd: 2 * Self.positions * tileCount * input.channels * outputs,
            values: Self.positions * tileCount * (input.channels + 2 * outputs) + output.image.count
                + (output.residual?.count ?? 0))
    }

    private var tileCount: Int { input.image.shape[0] * tilesDown * tilesAcross }

    // MARK: - Pieces

    /// The tiles of all images in rectangles, as near square as the block's size allows: rectangles share fewer border
    /// pixels, which each of them reads and normalises for itself.
    private func tileBlocks() -> [Block] {
        let width = min(tilesAcross, Self.blockWidth)
        // As even as they come.
        let highest = tileBlock / width
        let bands = (tilesDown + highest - 1) / highest
        let height = (tilesDown + bands - 1) / bands
        return (0..<input.image.shape[0]).flatMap { image in
            stride(from: 0, to: tilesDown, by: height).flatMap { row in
                stride(from: 0, to: tilesAcross, by: width).map { column in
                    Block(
                        image: image, rows: row..<min(tilesDown, row + height),
                        columns: column..<min(tilesAcross, column + width))
                }
            }
        }
    }

    private func columnBlocks() -> [Range<Int>] {
        stride(from: 0, to: output.channels, by: columnBlock).map {
            $0..<min(output.channels, $0 + columnBlock)
        }
    }

    /// Floats of a block's pixels with their border: at most those of a single column of tiles.
    private var stripSize: Int { 6 * (4 * tileBlock + 2) * Self.stripChannels }
    /// Channels in a float.
    private var perFloat: Int { compute.isHalf ? 2 : 1 }
    /// Floats of a tile's channels.
    private var inputsRow: Int { input.channels / perFloat }
    private func inputsPositionStride(tiles: Int) -> Int { tiles * inputsRow + Self.skew }
    private func weightsPositionStride(channels: Int) -> Int { channels * 16 + Self.skew }
    private func tapsSize(channels: Int) -> Int { channels * 9 * 16 }
    private func productsPositionStride(tiles: Int) -> Int { tiles * columnBlock + Self.skew }

    /// Weights of 16 output channels, upcast, as `[channels][3 x 3][16]`.
    private func packTaps(panel: Int, channels: Range<Int>, to taps: UnsafeMutablePointer<Float>) {
        weight.withBase { base in
            compute.kernels.pack(
                base, weight.format.kernel, output.channels, 9 * input.channels, 16 * panel, 9 * channels.lowerBound,
                9 * channels.count, taps)
        }
    }

    private func transformInput(_ block: Block, to v: Positions, strip: UnsafeMutablePointer<Float>) {
        let channels = input.channels
        let columns = (4 * block.columns.lowerBound - 1)..<(4 * block.columns.upperBound + 1)
        let rows = (4 * block.rows.lowerBound - 1)..<(4 * block.rows.upperBound + 1)
        for first in stride(from: 0, to: channels, by: Self.stripChannels) {
            let range = first..<min(channels, first + Self.stripChannels)
            let rowSize = columns.count * range.count
            for (i, y) in rows.enumerated() {
                input.copyRow(
                    image: block.image, y: y, columns: columns, channels: range, to: strip + i * rowSize,
                    stride: range.count)
            }
            for row in 0..<block.rows.count {
                compute.kernels.winograd_input(
                    pairs, strip + 4 * row * rowSize, columns.count, range.count, block.columns.count, range.count,
                    v.base + row * block.columns.count * inputsRow + first / perFloat, inputsRow, v.stride)
            }
        }
    }

    /// The products of `tiles` tiles at one position, over a part of the input channels; `weights` are the panels of the
    /// output channels wanted, with these input channels only.
    private func multiply(
        _ v: UnsafeMutablePointer<Float>, tiles: Int, channels: Range<Int>, weights: UnsafePointer<Float>,
        panelStride: Int, columns: Int, to m: UnsafeMutablePointer<Float>
    ) {
        (compute.isHalf ? compute.multiplyPairs : compute.multiply)(
            v + channels.lowerBound / perFloat, inputsRow, weights, panelStride, m, columns, tiles, columns,
            channels.count / perFloat, channels.lowerBound > 0)
    }

    private func transformOutput(_ block: Block, from m: Positions, columns: Range<Int>) {
        let (out, x) = (output.channels, 4 * block.columns.lowerBound)
        let (across, place) = (sums.count / tilesDown, block.columns.lowerBound / Self.blockWidth)
        for (i, row) in block.rows.enumerated() {
            let offset = ((block.image * output.height + 4 * row) * output.width + x) * out + columns.lowerBound
            let (pixels, rowStride) = (output.image.pointer + offset, output.width * out)
            let (height, width) = (min(4, output.height - 4 * row), min(output.width - x, 4 * block.columns.count))
            var epilogue = output.epilogue(offset: offset, channel: columns.lowerBound)
            compute.kernels.winograd_output(
                pairs, m.base + i * block.columns.count * columns.count, columns.count, m.stride, block.columns.count,
                columns.count, pixels, rowStride, out, height, width, &epilogue)
            sums.set(
                image: block.image, piece: row * across + place, channels: columns, rows: height, pixels: width,
                from: pixels, rowStride: rowStride, pixelStride: out)
        }
    }

    /// A rectangle of tiles of one image, numbered row by row.
    private struct Block {
        let image: Int
        let rows: Range<Int>
        let columns: Range<Int>

        var tileCount: Int { rows.count * columns.count }
    }

    /// Matrices for the 36 positions, `stride` floats apart.
    private struct Positions {
        let base: UnsafeMutablePointer<Float>
        let stride: Int

        init(_ base: UnsafeMutablePointer<Float>, _ stride: Int) { (self.base, self.stride) = (base, stride) }

        subscript(position: Int) -> UnsafeMutablePointer<Float> { base + position * stride }

        func advanced(by floats: Int) -> Positions { Positions(base + floats, stride) }
    }
}
