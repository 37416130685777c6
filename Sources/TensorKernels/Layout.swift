extension Compute {
    /// `[batch, height, width, channels]` from values in PyTorch's order `[batch, channels, height, width]`.
    public func tensor(channelsFirst values: [Float], _ shape: [Int]) -> Tensor {
        let (batch, channels, pixels) = (shape[0], shape[1], shape[2] * shape[3])
        precondition(values.count == shape.reduce(1, *), "\(values.count) values for shape \(shape)")
        let result = empty([batch, shape[2], shape[3], channels])
        for b in 0..<batch {
            for c in 0..<channels {
                for p in 0..<pixels {
                    result.pointer[(b * pixels + p) * channels + c] = values[(b * channels + c) * pixels + p]
                }
            }
        }
        return result
    }
}

extension Tensor {
    /// The values of `[batch, height, width, channels]` in PyTorch's order `[batch, channels, height, width]`.
    public var channelsFirstValues: [Float] {
        let (batch, pixels, channels) = (shape[0], shape[1] * shape[2], shape[3])
        var result = [Float](repeating: 0, count: count)
        for b in 0..<batch {
            for c in 0..<channels {
                for p in 0..<pixels {
                    result[(b * channels + c) * pixels + p] = pointer[(b * pixels + p) * channels + c]
                }
            }
        }
        return result
    }

    /// Both tensors' channels (last axis) side by side; all other axes must agree.
    public func concatenatingChannels(_ other: Tensor) -> Tensor {
        precondition(shape.dropLast() == other.shape.dropLast(), "channels of \(shape) and \(other.shape)")
        let (a, b) = (shape[shape.count - 1], other.shape[other.shape.count - 1])
        let result = compute.empty(shape.dropLast() + [a + b])
        let (left, right, target) = (pointer, other.pointer, result.pointer)
        compute.parallel(count / a, by: 256) { rows, _ in
            for r in rows {
                (target + r * (a + b)).update(from: left + r * a, count: a)
                (target + r * (a + b) + a).update(from: right + r * b, count: b)
            }
        }
        return result
    }

    /// The tensors one after another along the first axis; all other axes must agree.
    public static func stacked(_ parts: [Tensor]) -> Tensor {
        precondition(Set(parts.map { $0.shape.dropFirst() }).count == 1, "stacking \(parts.map(\.shape))")
        let result = parts[0].compute.empty([parts.map { $0.shape[0] }.reduce(0, +)] + parts[0].shape.dropFirst())
        var position = 0
        for part in parts {
            (result.pointer + position).update(from: part.pointer, count: part.count)
            position += part.count
        }
        return result
    }
}
