import CKernels

/// The activation functions of the family's `act_fn` and `hidden_act`.
public enum Activation: Sendable {
    /// The value itself.
    case none
    /// `x * sigmoid(x)`.
    case silu
    /// `x * sigmoid(1.702 x)`, CLIP's approximation.
    case quickGELU
    /// `x * Phi(x)` with the exact error function.
    case gelu
    /// `max(x, 0)`.
    case relu

    var kernel: ck_activation {
        switch self {
        case .none: CK_NONE
        case .silu: CK_SILU
        case .quickGELU: CK_QUICK_GELU
        case .gelu: CK_GELU
        case .relu: CK_RELU
        }
    }
}

/// Values of a piece of elementwise work: enough to be worth a thread's while.
private let piece = 1 << 15

extension Tensor {
    /// The activation of each value.
    public func activated(_ activation: Activation) -> Tensor {
        let result = compute.empty(shape)
        let (x, y, kernels) = (pointer, result.pointer, compute.kernels)
        compute.plan?.pass(over: 2 * count)
        compute.parallel(count, by: piece) { range, _ in
            kernels.activate(x + range.lowerBound, y + range.lowerBound, range.count, activation.kernel)
        }
        return result
    }

    /// `function` of each value: for what happens once per image and needs no kernel of its own.
    package func mapped(_ function: (Float) -> Float) -> Tensor {
        let result = compute.empty(shape)
        let (x, y) = (pointer, result.pointer)
        compute.plan?.pass(over: 2 * count)
        compute.parallel(count, by: piece) { range, _ in
            for i in range { y[i] = function(x[i]) }
        }
        return result
    }

    /// The sum of two tensors of one shape.
    public static func + (a: Tensor, b: Tensor) -> Tensor {
        precondition(a.shape == b.shape, "\(a.shape) + \(b.shape)")
        let result = a.compute.empty(a.shape)
        let (x, z, y, kernels) = (a.pointer, b.pointer, result.pointer, a.compute.kernels)
        a.compute.plan?.pass(over: 3 * a.count)
        a.compute.parallel(a.count, by: piece) { range, _ in
            kernels.add(x + range.lowerBound, z + range.lowerBound, y + range.lowerBound, range.count)
        }
        return result
    }
}
