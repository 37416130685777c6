/// Where tensors live and kernels run: the threads and the memory of one run.
///
/// There is one thread policy: kernels split their work at boundaries that depend on shapes only, never on the
/// number of threads, so the same inputs give the same bytes for any `threads`.
public final class Compute {
    /// The number of threads that kernels use, at least 1.
    public let threads: Int

    public init(threads: Int) {
        self.threads = max(1, threads)
    }

    /// A tensor whose values are not set yet.
    package func empty(_ shape: [Int]) -> Tensor {
        Tensor(shape: shape, storage: Tensor.Storage(count: shape.reduce(1, *)), offset: 0, compute: self)
    }

    /// A tensor of zeros.
    public func zeros(_ shape: [Int]) -> Tensor {
        let tensor = empty(shape)
        tensor.pointer.update(repeating: 0, count: tensor.count)
        return tensor
    }

    /// A tensor with the given values in row-major order.
    public func tensor(_ values: [Float], _ shape: [Int]) -> Tensor {
        precondition(values.count == shape.reduce(1, *), "\(values.count) values for shape \(shape)")
        let tensor = empty(shape)
        values.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { tensor.pointer.update(from: base, count: source.count) }
        }
        return tensor
    }
}
