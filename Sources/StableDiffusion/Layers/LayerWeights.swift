import Checkpoints
import TensorKernels

/// The weights of one layer or block: a checkpoint's keys under a prefix, as the kernels take them.
package struct LayerWeights {
    let store: WeightStore
    let compute: Compute
    /// The keys' common prefix, with its last dot.
    let prefix: String

    package init(_ store: WeightStore, compute: Compute) {
        self.init(store: store, compute: compute, prefix: "")
    }

    private init(store: WeightStore, compute: Compute, prefix: String) {
        self.store = store
        self.compute = compute
        self.prefix = prefix
    }

    /// The weights whose keys go on with `name` and a dot.
    func scoped(_ name: String) -> LayerWeights {
        LayerWeights(store: store.scoped(name), compute: compute, prefix: prefix + name + ".")
    }

    func scoped(_ index: Int) -> LayerWeights { scoped(String(index)) }

    func contains(_ key: String) -> Bool { store.contains(key) }

    /// A matrix or a convolution's kernel, left in the mapped file where the kernels can read it there. What adapters add to it
    /// is added when it is first used.
    func matrix(_ key: String, _ shape: [Int]) throws -> WeightTensor {
        let weight = WeightTensor(try store.tensor(key, shape: shape), for: compute)
        return weight.adding(store.updates(of: key).map { $0.addend(columns: weight.count / weight.shape[0]) })
    }

    /// A bias or a norm's weight, `[count]`, upcast to float32.
    func vector(_ key: String, _ count: Int) throws -> Tensor {
        compute.tensor(try store.tensor(key, shape: [count]).floats(), [count])
    }
}
