import CKernels

/// A matrix as the product of two narrow ones, which is added to a weight where that is used.
package struct LowRankAddend {
    /// Columns of the left matrix and rows of the right one.
    let rank: Int
    /// The left matrix, `[out, rank]`, and the right one, `[rank, columns]`, row-major.
    let read: () -> (left: [Float], right: [Float])

    /// - Parameters:
    ///   - rank: columns of the left matrix and rows of the right one.
    ///   - read: gives the left matrix, `[out, rank]`, and the right one, `[rank, columns]`, row-major: `out` is the weight's
    ///     first side, `columns` all others together.
    package init(rank: Int, read: @escaping () -> (left: [Float], right: [Float])) {
        (self.rank, self.read) = (rank, read)
    }
}

extension WeightTensor {
    /// The weight as kernels read it: this one, or, where something is added to it, the sum in float32, which lasts as long as
    /// the value.
    ///
    /// A sum is worked out for each use: to keep all of them would take more memory than the model does, or, kept in float16,
    /// would move the output by a thousandth. The work is that of a product with as many rows as the addend's rank.
    package func merged(on compute: Compute) -> WeightTensor {
        guard !addends.isEmpty else { return self }
        let (rows, columns) = (shape[0], count / shape[0])
        let sum = compute.empty([rows, columns])
        compute.plan?.merge(self, ranks: addends.map(\.rank))
        let factors = addends.map { $0.packed(rows: rows, columns: columns, on: compute) }
        let (rowBlock, columnBlock) = (96, 320)
        withBase { base in
            compute.parallel(rows, by: rowBlock) { rows, _ in
                for start in stride(from: 0, to: columns, by: columnBlock) {
                    let width = min(columnBlock, columns - start)
                    for row in rows {
                        let (offset, target) = (row * columns + start, sum.pointer + row * columns + start)
                        switch format {
                        case .float16:
                            compute.kernels.upcast(
                                (base + 2 * offset).assumingMemoryBound(to: UInt16.self), target, width)
                        case .float32:
                            target.update(from: (base + 4 * offset).assumingMemoryBound(to: Float.self), count: width)
                        }
                    }
                    for (left, right, rank) in factors {
                        compute.multiply(
                            left.pointer + rows.lowerBound * rank, rank, right.pointer + start * rank,
                            panelStride: rank * PackedMatrix.panel, sum.pointer + rows.lowerBound * columns + start,
                            columns, rows: rows.count, columns: width, depth: rank, accumulate: true)
                    }
                }
            }
        }
        return WeightTensor(shape: shape, format: .float32, owner: MergedWeight(sum))
    }
}

extension LowRankAddend {
    /// The left matrix as it is, and the right one in panels of 16 columns.
    fileprivate func packed(
        rows: Int, columns: Int, on compute: Compute
    ) -> (left: Tensor, right: Tensor, rank: Int) {
        let panel = PackedMatrix.panel
        let panels = (columns + panel - 1) / panel
        let packed = compute.scratch(panels * rank * panel)
        guard !compute.isPlanner else { return (compute.scratch(rows * rank), packed, rank) }
        let (left, right) = read()
        precondition(
            left.count == rows * rank && right.count == rank * columns,
            "a product of rank \(rank) for \(rows)x\(columns)")
        right.withUnsafeBufferPointer { right in
            compute.parallel(panels) { index, _ in
                let first = index * panel
                let width = min(panel, columns - first)
                for row in 0..<rank {
                    let target = packed.pointer + (index * rank + row) * panel
                    for column in 0..<width { target[column] = right[row * columns + first + column] }
                    for column in width..<panel { target[column] = 0 }
                }
            }
        }
        return (compute.tensor(left, [rows, rank]), packed, rank)
    }
}

/// The values of a sum.
private final class MergedWeight: WeightBytes {
    private let values: Tensor

    init(_ values: Tensor) { self.values = values }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) {
            try body(UnsafeRawBufferPointer(start: values.pointer, count: 4 * values.count))
        }
    }
}
