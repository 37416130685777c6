import CKernels

/// The packed right-hand side of products with many rows. Large ones take Strassen's algorithm (1969; Winograd's variant):
/// each block of rows, the depth and the columns are halved, and seven products of quadrants stand for eight. With half
/// precision, whose rounding that would multiply, all are plain.
///
/// Measured, that is 1.05 to 1.09 times as fast from 384 rows and a depth of 256 on, and not faster below. The error grows
/// from 3e-7 to between 5e-7 and 2e-6, less than that of the convolutions. All additions stay within a block of rows, so
/// that the result depends on how the rows are cut, which their number alone decides.
struct ProductMatrix {
    /// Rows of a thread's block: with 320 channels it fills a quarter of a 512 KB second-level cache. Its half is a multiple
    /// of the kernels' 6 or 12 rows.
    static let rowBlock = 96
    /// Columns that the products of quadrants are made for at a time.
    private static let quadrantColumns = 160

    private let packed: PackedMatrix
    /// T1 to T4, as `strassen.h` names them, `[4][columns / 16][depth / 2][16]`; nil for the plain product.
    private let sums: Tensor?

    /// The columns of each half, or all of them for the plain product.
    let columns: Int
    /// The first column of each half.
    let halves: [Int]

    init(_ packed: PackedMatrix, rows: Int) {
        self.packed = packed
        let compute = packed.storage.compute
        guard compute.kernelSet.blas == nil, !compute.isHalf, rows >= 4 * Self.rowBlock, rows % 2 == 0,
            packed.depth >= 256,
            packed.depth % 32 == 0, packed.columns % 32 == 0
        else {
            (sums, columns, halves) = (nil, packed.columns, [0])
            return
        }
        let (columns, depth) = (packed.columns / 2, packed.depth / 2)
        let sums = compute.scratch(4 * columns * depth)
        let target = sums.pointer
        compute.parallel(columns / PackedMatrix.panel, Work(values: 8 * columns * depth)) { panel, _ in
            let column = panel * PackedMatrix.panel
            compute.kernels.strassen_panels(
                packed.panel(column: column), packed.panel(column: columns + column), depth, target + column * depth,
                columns * depth)
        }
        (self.sums, self.columns, halves) = (sums, columns, [0, columns])
    }

    /// Of the depth.
    private var pairs: Int { (packed.depth + 1) / 2 }

    /// Floats of `scratch` that `multiply` needs.
    var scratchSize: Int {
        if packed.storage.compute.isHalf { return Self.rowBlock * pairs }
        return sums == nil ? 0 : Self.rowBlock * packed.depth + 3 * Self.rowBlock / 2 * Self.quadrantColumns
    }

    /// `c[rows, range of each half] = a[rows, depth] * matrix`, on the calling thread, for at most `rowBlock` rows; the second
    /// half's columns go `right` floats past the first's.
    func multiply(
        _ a: UnsafePointer<Float>, _ lda: Int, columns range: Range<Int>, to c: UnsafeMutablePointer<Float>, _ ldc: Int,
        right: Int, rows: Int, scratch: UnsafeMutablePointer<Float>
    ) {
        let compute = packed.storage.compute
        if compute.isHalf {
            compute.kernels.pair_columns(a, lda, rows, packed.depth, scratch, pairs)
            return compute.multiplyPairs(
                scratch, pairs, packed.panel(column: range.lowerBound), panelStride: packed.stride, c, ldc, rows: rows,
                columns: range.count, depth: pairs)
        }
        guard let sums else {
            compute.multiply(
                a, lda, packed.panel(column: range.lowerBound), panelStride: packed.stride, c, ldc, rows: rows,
                columns: range.count, depth: packed.depth)
            return
        }
        let (rows, depth) = (rows / 2, packed.depth / 2)
        let products = scratch + 4 * rows * depth
        compute.kernels.strassen_rows(a, lda, rows, depth, scratch)
        for column in stride(from: range.lowerBound, to: range.upperBound, by: Self.quadrantColumns) {
            let width = min(Self.quadrantColumns, range.upperBound - column)
            let c11 = c + column - range.lowerBound
            let (c12, c21) = (c11 + right, c11 + rows * ldc)
            let size = rows * width
            /// `c (+)= a` times a quadrant of the packed matrix.
            func add(
                _ a: UnsafePointer<Float>, _ lda: Int, quadrant: (row: Int, column: Int),
                to c: UnsafeMutablePointer<Float>, accumulate: Bool = false
            ) {
                compute.multiply(
                    a, lda, packed.panel(column: quadrant.column * self.columns + column, row: quadrant.row * depth),
                    panelStride: packed.stride, c, ldc, rows: rows, columns: width, depth: depth, accumulate: accumulate
                )
            }
            /// `c = a` times one of T1 to T4.
            func set(_ a: UnsafePointer<Float>, _ lda: Int, t: Int, to c: UnsafeMutablePointer<Float>, _ ldc: Int) {
                compute.multiply(
                    a, lda, sums.pointer + ((t - 1) * self.columns + column) * depth,
                    panelStride: depth * PackedMatrix.panel, c, ldc, rows: rows, columns: width, depth: depth)
            }
            func s(_ i: Int) -> UnsafeMutablePointer<Float> { scratch + (i - 1) * rows * depth }
            set(s(2), depth, t: 2, to: products, width)
            set(s(1), depth, t: 1, to: products + size, width)
            set(s(3), depth, t: 3, to: products + 2 * size, width)
            set(a + rows * lda + depth, lda, t: 4, to: c21, ldc)
            add(s(4), depth, quadrant: (1, 1), to: c12)
            add(a, lda, quadrant: (0, 0), to: c11)
            compute.kernels.strassen_sums(c11, ldc, right, rows, width, products)
            add(a + depth, lda, quadrant: (1, 0), to: c11, accumulate: true)
        }
    }
}
