import TensorKernels

/// An RGB picture of 8 bits a channel, row by row from the top.
public struct PixelImage: Equatable, Sendable {
    public var width: Int
    public var height: Int
    /// `width * height * 3` values.
    public var rgb: [UInt8]

    public init(width: Int, height: Int, rgb: [UInt8]) {
        self.width = width
        self.height = height
        self.rgb = rgb
    }

    /// The picture as the autoencoder takes it: `[1, height, width, 3]` in -1...1.
    package func tensor(on compute: Compute) -> Tensor {
        compute.tensor(rgb.map { 2 * (Float($0) / 255) - 1 }, [1, height, width, 3])
    }

    /// The picture that the autoencoder gave.
    ///
    /// - Parameter tensor: `[1, height, width, 3]` about -1...1; beyond is clamped. No value may be NaN.
    package init(_ tensor: Tensor) {
        self.init(
            width: tensor.shape[2], height: tensor.shape[1],
            // Halves go to the even neighbour, as in numpy.
            rgb: tensor.values.map { UInt8((Self.level($0) * 255).rounded(.toNearestOrEven)) })
    }

    /// -1...1 to 0...1.
    package static func level(_ value: Float) -> Float { min(max(value * 0.5 + 0.5, 0), 1) }
}
