import Foundation

/// The activation functions of the family's `act_fn` and `hidden_act`.
public enum Activation: Sendable {
    case none
    /// `x * sigmoid(x)`.
    case silu
    /// `x * sigmoid(1.702 x)`, CLIP's approximation.
    case quickGELU
    /// `x * Phi(x)` with the exact error function.
    case gelu

    package func callAsFunction(_ x: Float) -> Float {
        switch self {
        case .none: x
        case .silu: x / (1 + exp(-x))
        case .quickGELU: x / (1 + exp(-1.702 * x))
        case .gelu: 0.5 * x * (1 + erf(x * 0.70710678))
        }
    }
}

extension Tensor {
    /// The activation of each value.
    public func activated(_ activation: Activation) -> Tensor {
        let result = compute.empty(shape)
        for i in 0..<count { result.pointer[i] = activation(pointer[i]) }
        return result
    }

    /// The sum of two tensors of one shape.
    public static func + (a: Tensor, b: Tensor) -> Tensor {
        precondition(a.shape == b.shape, "\(a.shape) + \(b.shape)")
        let result = a.compute.empty(a.shape)
        for i in 0..<a.count { result.pointer[i] = a.pointer[i] + b.pointer[i] }
        return result
    }
}
