import CKernels

/// A block of columns of a matrix product's right-hand side, upcast to float32 and packed in panels of 16 columns.
///
/// Weights stay in their checkpoint's format; only the block that the next products use is upcast.
struct PackedMatrix {
    static let panel = Int(CK_PANEL)

    /// `[panels][depth][16]`; with pairs of bfloat16 the first half of each panel, `[(depth + 1) / 2][16]`, is used.
    let storage: Tensor
    let depth: Int
    let columns: Int

    /// Packs rows `range` of `weight` `[out, depth]` as columns, in pairs with half precision; `range` starts at a multiple
    /// of 16.
    init(_ weight: WeightTensor, rows range: Range<Int>, on compute: Compute) {
        let (out, depth) = (weight.shape[0], weight.count / weight.shape[0])
        let panels = (range.count + Self.panel - 1) / Self.panel
        let storage = compute.scratch(panels * depth * Self.panel)
        let target = storage.pointer
        compute.parallel(panels, Self.work(weight, panels: panels, depth: depth)) { index, _ in
            let panel = target + index * depth * Self.panel
            weight.withBase { base in
                compute.kernels.pack(
                    base, weight.format.kernel, out, depth, range.lowerBound + index * Self.panel, 0, depth, panel)
            }
            if compute.isHalf { compute.kernels.pair_rows(panel, Self.panel, depth, Self.panel, panel, Self.panel) }
        }
        (self.storage, self.depth, columns) = (storage, depth, range.count)
    }

    /// Packs output channels `range` of a convolution's weight `[out, channels, height, width]`, the depth ordered
    /// `[height][width][channels]`; `range` starts at a multiple of 16.
    init(convolution weight: WeightTensor, rows range: Range<Int>, on compute: Compute) {
        let (out, channels, taps) = (weight.shape[0], weight.shape[1], weight.shape[2] * weight.shape[3])
        let (panels, depth) = ((range.count + Self.panel - 1) / Self.panel, channels * taps)
        let storage = compute.scratch(panels * depth * Self.panel)
        let target = storage.pointer
        compute.parallel(panels, Self.work(weight, panels: panels, depth: depth)) { index, _ in
            weight.withBase { base in
                compute.kernels.pack_convolution(
                    base, weight.format.kernel, out, channels, taps, range.lowerBound + index * Self.panel,
                    target + index * depth * Self.panel)
            }
        }
        (self.storage, self.depth, columns) = (storage, depth, range.count)
    }

    /// The weights are read as they are stored, and panels written.
    private static func work(_ weight: WeightTensor, panels: Int, depth: Int) -> Work {
        Work(values: weight.format.byteCount(of: panels * panel * depth) / 4 + panels * panel * depth)
    }

    /// Ranges of columns, multiples of 320 (of 64 where that is too many) but for the last, whose packed weights of `depth`
    /// rows should stay in the last-level cache.
    static func chunks(of columns: Int, depth: Int) -> [Range<Int>] {
        let limit = (2 << 20) / depth
        let size = max(limit / 320 * 320, min(limit, 256) / 64 * 64, 64)
        return Swift.stride(from: 0, to: columns, by: size).map { $0..<min(columns, $0 + size) }
    }

    /// The panel that starts at `column` (a multiple of 16), from `row` on.
    func panel(column: Int, row: Int = 0) -> UnsafePointer<Float> {
        UnsafePointer(storage.pointer + column / Self.panel * stride + row * Self.panel)
    }

    /// Floats from one panel to the next.
    var stride: Int { depth * Self.panel }
}

extension Compute {
    /// Whether `multiply` takes an `lda` below `depth`.
    var multipliesOverlappingRows: Bool { kernelSet.blas == nil }

    /// Whether `multiply` gives a row the same values wherever the rows are cut.
    var roundsRowsAlike: Bool { kernelSet.blas == nil }

    /// `c[rows, columns] (+)= a[rows, depth] * packed`, on the calling thread.
    func multiply(
        _ a: UnsafePointer<Float>, _ lda: Int, _ packed: UnsafePointer<Float>, panelStride: Int,
        _ c: UnsafeMutablePointer<Float>, _ ldc: Int, rows: Int, columns: Int, depth: Int, accumulate: Bool = false
    ) {
        if let blas = kernelSet.blas {
            blas.multiply(
                a, lda, packed, panelStride: panelStride, c, ldc, rows: rows, columns: columns, depth: depth,
                accumulate: accumulate)
        } else {
            kernels.gemm(a, lda, packed, panelStride, c, ldc, rows, columns, depth, accumulate ? 1 : 0)
        }
    }

    /// The same of pairs of bfloat16: `depth` of them.
    func multiplyPairs(
        _ a: UnsafePointer<Float>, _ lda: Int, _ packed: UnsafePointer<Float>, panelStride: Int,
        _ c: UnsafeMutablePointer<Float>, _ ldc: Int, rows: Int, columns: Int, depth: Int, accumulate: Bool = false
    ) {
        kernels.gemm_pairs(a, lda, packed, panelStride, c, ldc, rows, columns, depth, accumulate ? 1 : 0)
    }
}
