import Checkpoints
import TensorKernels

extension LowRankAdapter.Update {
    /// What is added to the weight where it is used. It is read each time, and the pages of the adapter's file that are read
    /// for it do not stay; but what has to be worked out of three matrices is kept.
    ///
    /// - Parameter columns: of the weight as a matrix, all sides but the first together.
    func addend(columns: Int) -> LowRankAddend {
        let rank = up.shape[1]
        let kept = middle == nil ? nil : Lazily { expandedDown(columns) }
        return LowRankAddend(rank: rank) { (up.readFloats().map { factor * $0 }, kept?.value ?? down.readFloats()) }
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

/// A value that is made when it is first wanted.
private final class Lazily<Value> {
    private let make: () -> Value
    private(set) lazy var value = make()

    init(_ make: @escaping () -> Value) { self.make = make }
}
