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
        for r in 0..<(count / a) {
            (result.pointer + r * (a + b)).update(from: pointer + r * a, count: a)
            (result.pointer + r * (a + b) + a).update(from: other.pointer + r * b, count: b)
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

    /// Nearest-neighbour enlargement of `[batch, height, width, channels]` (torch's `interpolate(mode="nearest")`).
    public func upsampledNearest(height: Int, width: Int) -> Tensor {
        let (batch, h, w, channels) = (shape[0], shape[1], shape[2], shape[3])
        let result = compute.empty([batch, height, width, channels])
        for b in 0..<batch {
            for y in 0..<height {
                for x in 0..<width {
                    (result.pointer + ((b * height + y) * width + x) * channels).update(
                        from: pointer + ((b * h + y * h / height) * w + x * w / width) * channels, count: channels)
                }
            }
        }
        return result
    }
}
