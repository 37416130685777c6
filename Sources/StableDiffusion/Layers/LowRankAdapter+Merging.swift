import Checkpoints

extension LowRankAdapter.Update {
    /// Adds the product of the matrices to a weight's values.
    ///
    /// - Parameter values: `[out, in, ...]`, row-major.
    func merge(into values: inout [Float]) {
        let (outputs, rank) = (up.shape[0], down.shape[0])
        let columns = values.count / outputs
        let (left, right) = (up.stored().floats(), expandedDown(columns))
        values.withUnsafeMutableBufferPointer { values in
            left.withUnsafeBufferPointer { left in
                right.withUnsafeBufferPointer { right in
                    // As many columns at once as stay in the processor's first cache.
                    for start in stride(from: 0, to: columns, by: 256) {
                        let end = min(start + 256, columns)
                        for row in 0..<outputs {
                            for index in 0..<rank {
                                let scale = factor * left[row &* rank &+ index]
                                for column in start..<end {
                                    values[row &* columns &+ column] += scale * right[index &* columns &+ column]
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// The matrix `[rank, columns]`: `down`, with LoCon's kernel in it where there is one.
    private func expandedDown(_ columns: Int) -> [Float] {
        let down = down.stored().floats()
        guard let middle else { return down }
        let (rank, kernel) = (middle.shape[0], middle.shape.dropFirst(2).reduce(1, *))
        let (inputs, between) = (columns / kernel, middle.stored().floats())
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
