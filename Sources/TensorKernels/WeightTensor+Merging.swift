import CKernels
import Foundation

/// A matrix as the product of two narrow ones, which is added to a weight.
package struct LowRankAddend {
    /// Columns of the left matrix and rows of the right one.
    let rank: Int
    /// By what their product is multiplied.
    let factor: Float
    /// The left matrix, `[out, rank]`, and the right one, `[rank, columns]`, row-major.
    let read: () -> (left: [Float], right: [Float])

    /// - Parameters:
    ///   - rank: columns of the left matrix and rows of the right one.
    ///   - factor: by what their product is multiplied.
    ///   - read: gives the left matrix, `[out, rank]`, and the right one, `[rank, columns]`, row-major: `out` is the weight's
    ///     first side, `columns` all others together.
    package init(rank: Int, factor: Float = 1, read: @escaping () -> (left: [Float], right: [Float])) {
        (self.rank, self.factor, self.read) = (rank, factor, read)
    }
}

/// What is added to a weight, and the sum once it has been worked out.
final class Addition {
    let addends: [LowRankAddend]
    fileprivate var sum: WeightTensor?

    init(_ addends: [LowRankAddend]) { self.addends = addends }
}

extension WeightTensor {
    /// The weight as kernels read it: this one, or, where something is added to it, the sum, which is worked out when it is
    /// first wanted and stays as long as the weight.
    ///
    /// It is kept in blocks, as large as in float16, and takes the place of a mapped weight's pages; where pages of weights are
    /// released, it is not kept but worked out each time. In float16 it would move the output by a thousandth, in blocks by an
    /// eighth of that.
    package func merged(on compute: Compute) -> WeightTensor {
        guard let addition else { return self }
        if let sum = addition.sum { return sum }
        // Blocks have no rows, so that rows of other lengths would begin in the middle of eight values.
        let format = (count / shape[0]).isMultiple(of: 8) ? Format.blocks : .float32
        let values: any WeightBytes
        if let plan = compute.plan {
            plan.summed(bytes: format.byteCount(of: count), mergingWork(addition.addends))
            values = withBase { PlannedSum($0, byteCount: format.byteCount(of: count)) }
        } else {
            values = Sum(byteCount: format.byteCount(of: count)) {
                write(addition.addends, as: format, to: $0, compute)
            }
            releasePages()
        }
        // A plan counts it among the mapped ones, of which all are there or one at a time.
        let sum = WeightTensor(shape: shape, format: format, owner: values, isMapped: compute.isPlanner)
        if compute.weightPages == .kept { addition.sum = sum }
        return sum
    }

    private func mergingWork(_ addends: [LowRankAddend]) -> Work {
        Work(products: 2 * addends.map(\.rank).reduce(0, +) * count, values: 2 * count)
    }

    /// Writes the sum.
    private func write(
        _ addends: [LowRankAddend], as format: Format, to target: UnsafeMutableRawPointer, _ compute: Compute
    ) {
        let (rows, columns) = (shape[0], count / shape[0])
        let factors = addends.map { $0.packed(rows: rows, columns: columns, on: compute) }
        // As many rows as a block has values, so that a band of rows begins with a block.
        let (band, columnBlock) = (Int(CK_BLOCK), 320)
        let sums = compute.scratch(compute.threads * band * columns)
        withBase { base in
            compute.parallel(rows, by: band, mergingWork(addends)) { rows, worker in
                let sum = sums.pointer + worker * band * columns
                let first = rows.lowerBound * columns
                switch self.format {
                case .float16:
                    compute.kernels.upcast(
                        (base + 2 * first).assumingMemoryBound(to: UInt16.self), sum, rows.count * columns)
                case .float32:
                    sum.update(
                        from: (base + 4 * first).assumingMemoryBound(to: Float.self), count: rows.count * columns)
                case .blocks: preconditionFailure("nothing is added to a sum")
                }
                for (left, right, rank) in factors {
                    for start in stride(from: 0, to: columns, by: columnBlock) {
                        compute.multiply(
                            left.pointer + rows.lowerBound * rank, rank, right.pointer + start * rank,
                            panelStride: rank * PackedMatrix.panel, sum + start, columns, rows: rows.count,
                            columns: min(columnBlock, columns - start), depth: rank, accumulate: true)
                    }
                }
                let place = target + format.byteCount(of: first)
                if format == .blocks {
                    compute.kernels.narrow(
                        sum, rows.count * columns, place.assumingMemoryBound(to: ck_block.self))
                } else {
                    place.assumingMemoryBound(to: Float.self).update(from: sum, count: rows.count * columns)
                }
            }
        }
    }
}

extension LowRankAddend {
    /// The left matrix times the factor, and the right one in panels of 16 columns.
    fileprivate func packed(
        rows: Int, columns: Int, on compute: Compute
    ) -> (left: Tensor, right: Tensor, rank: Int) {
        let panel = PackedMatrix.panel
        let panels = (columns + panel - 1) / panel
        let packed = compute.scratch(panels * rank * panel)
        let (left, right) = read()
        precondition(
            left.count == rows * rank && right.count == rank * columns,
            "a product of rank \(rank) for \(rows)x\(columns)")
        right.withUnsafeBufferPointer { right in
            compute.parallel(panels, Work(values: 2 * packed.count)) { index, _ in
                let first = index * panel
                let width = min(panel, columns - first)
                for row in 0..<rank {
                    let target = packed.pointer + (index * rank + row) * panel
                    for column in 0..<width { target[column] = right[row * columns + first + column] }
                    for column in width..<panel { target[column] = 0 }
                }
            }
        }
        let scaled = compute.tensor(left, [rows, rank])
        for index in 0..<scaled.count { scaled.pointer[index] *= factor }
        return (scaled, packed, rank)
    }
}

/// The values of a sum, in large pages where the system has them: clearing small ones takes as long as the sum.
private final class Sum: WeightBytes {
    private let memory: UnsafeRawBufferPointer

    init(byteCount: Int, write: (UnsafeMutableRawPointer) -> Void) {
        guard let base = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            base != MAP_FAILED
        else { preconditionFailure("no memory for \(byteCount) bytes of a weight") }
        madvise(base, byteCount, Int32(MADV_HUGEPAGE))
        write(base)
        memory = UnsafeRawBufferPointer(start: base, count: byteCount)
    }

    deinit { munmap(UnsafeMutableRawPointer(mutating: memory.baseAddress), memory.count) }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try body(memory) }
    }
}

/// Stands for a sum that a planner does not need: as many bytes at the address of the weight, never followed.
private final class PlannedSum: WeightBytes {
    private let bytes: UnsafeRawBufferPointer

    init(_ base: UnsafeRawPointer, byteCount: Int) {
        bytes = UnsafeRawBufferPointer(
            start: UnsafeRawPointer(bitPattern: UInt(bitPattern: base) / 4 * 4), count: byteCount)
    }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result { try body(bytes) }
}
