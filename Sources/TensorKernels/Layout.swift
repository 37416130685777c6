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
        result.channelSums = channelSums.flatMap { sums in other.channelSums.map { sums + $0 } }
        let (left, right, target) = (pointer, other.pointer, result.pointer)
        compute.parallel(count / a, by: 256, Work(values: 2 * result.count)) { rows, _ in
            for r in rows {
                (target + r * (a + b)).update(from: left + r * a, count: a)
                (target + r * (a + b) + a).update(from: right + r * b, count: b)
            }
        }
        return result
    }

    /// The first `count` channels (last axis).
    package func firstChannels(_ count: Int) -> Tensor {
        let all = shape[shape.count - 1]
        precondition(count <= all, "\(count) channels of \(shape)")
        let result = compute.empty(shape.dropLast() + [count])
        let (source, target) = (pointer, result.pointer)
        compute.parallel(result.count / count, by: 256, Work(values: 2 * result.count)) { rows, _ in
            for r in rows { (target + r * count).update(from: source + r * all, count: count) }
        }
        return result
    }

    /// The tensors one after another along the first axis; all other axes must agree.
    public static func stacked(_ parts: [Tensor]) -> Tensor {
        precondition(Set(parts.map { $0.shape.dropFirst() }).count == 1, "stacking \(parts.map(\.shape))")
        let result = parts[0].compute.empty([parts.map { $0.shape[0] }.reduce(0, +)] + parts[0].shape.dropFirst())
        let starts = parts.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.count) }
        for (part, start) in zip(parts, starts) {
            let (source, target) = (part.pointer, result.pointer + start)
            part.compute.parallel(part.count, by: 1 << 16, Work(values: 2 * part.count)) { range, _ in
                (target + range.lowerBound).update(from: source + range.lowerBound, count: range.count)
            }
        }
        return result
    }
}
