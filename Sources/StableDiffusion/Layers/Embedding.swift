import Checkpoints
import TensorKernels

/// A table of vectors, read row by row where it lies in the checkpoint.
struct Embedding {
    private let table: StoredTensor
    private let compute: Compute

    init(_ weights: LayerWeights, _ rows: Int, _ width: Int) throws {
        table = try weights.store.tensor("weight", shape: [rows, width])
        compute = weights.compute
    }

    /// - Returns: `[rows.count, width]`.
    func callAsFunction(_ rows: [Int]) -> Tensor {
        let width = table.shape[1]
        precondition(rows.allSatisfy { 0..<table.shape[0] ~= $0 }, "rows \(rows) of \(table.shape)")
        return compute.tensor(rows.flatMap { table.floats($0 * width..<($0 + 1) * width) }, [rows.count, width])
    }
}
