import Checkpoints
import TensorKernels

extension LowRankAdapter.Update {
    /// What is added to the weight when it is first used.
    ///
    /// - Parameter columns: of the weight as a matrix, all sides but the first together.
    func addend(columns: Int) -> LowRankAddend {
        LowRankAddend(rank: up.shape[1], factor: factor) { (up.readFloats(), expandedDown(columns)) }
    }

    /// The matrix `[rank, columns]`: `down`, with LoCon's kernel in it where there is one.
    private func expandedDown(_ columns: Int) -> [Float] {
        let down = down.readFloats()
        guard let middle else { return down }
        let (rank, kernel) = (middle.shape[0], middle.shape.dropFirst(2).reduce(1, *))
        let (inputs, between) = (columns / kernel, middle.readFloats())
        var result = [Float](repeating: 0, count: rank * columns)
        for row in 0..<rank {
            for inner in 0..<rank {
                for input in 0..<inputs {
                    let scale = down[inner * inputs + input]
                    for tap in 0..<kernel {
                        result[row * columns + input * kernel + tap] +=
                            between[(row * rank + inner) * kernel + tap] * scale
                    }
                }
            }
        }
        return result
    }
}
