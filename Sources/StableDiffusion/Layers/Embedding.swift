import Checkpoints
import TensorKernels

/// A table of vectors, read row by row where it lies in the checkpoint.
struct Embedding {
    private let table: StoredTensor
    private let added: [[Float]]
    private let compute: Compute

    /// - Parameter added: rows that follow those of the checkpoint.
    init(_ weights: LayerWeights, _ rows: Int, _ width: Int, added: [[Float]] = []) throws {
        table = try weights.store.tensor("weight", shape: [rows, width])
        self.added = added
        compute = weights.compute
    }

    /// - Returns: `[rows.count, width]`.
    func callAsFunction(_ rows: [Int]) -> Tensor {
        let (stored, width) = (table.shape[0], table.shape[1])
        precondition(rows.allSatisfy { 0..<stored + added.count ~= $0 }, "rows \(rows) of \(table.shape)")
        let values = rows.flatMap {
            $0 < stored ? table.floats($0 * width..<($0 + 1) * width) : added[$0 - stored]
        }
        return compute.tensor(values, [rows.count, width])
    }
}
