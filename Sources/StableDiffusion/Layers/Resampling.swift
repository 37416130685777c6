import TensorKernels

/// `Downsample2D`: half the resolution by a strided convolution.
struct Downsample {
    let conv: Conv2D

    /// - Parameter padding: 1 on every side, or 0 for one pixel at the right and the bottom only.
    init(_ weights: LayerWeights, _ channels: Int, padding: Int) throws {
        let padding = padding == 0 ? Padding(top: 0, bottom: 1, left: 0, right: 1) : .all(padding)
        conv = try Conv2D(weights.scoped("conv"), channels, channels, stride: 2, padding: padding)
    }

    func callAsFunction(_ x: Tensor) -> Tensor { conv(x) }
}

/// `Upsample2D`: nearest-neighbour enlargement, then a convolution.
struct Upsample {
    let conv: Conv2D

    init(_ weights: LayerWeights, _ channels: Int) throws {
        conv = try Conv2D(weights.scoped("conv"), channels, channels)
    }

    func callAsFunction(_ x: Tensor, height: Int, width: Int) -> Tensor {
        conv(x, upsampledTo: (height, width))
    }
}
