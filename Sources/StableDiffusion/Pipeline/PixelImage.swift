import TensorKernels

/// An RGB image of 8 bits per channel, row by row from the top.
public struct PixelImage: Equatable, Sendable {
    /// Pixels in each row.
    public var width: Int
    /// Rows.
    public var height: Int
    /// `width * height * 3` values.
    public var rgb: [UInt8]

    /// An image of `3 * width * height` bytes: red, green and blue of each pixel.
    public init(width: Int, height: Int, rgb: [UInt8]) {
        self.width = width
        self.height = height
        self.rgb = rgb
    }

    /// The image as the autoencoder takes it: `[1, height, width, 3]` in -1...1.
    package func tensor(on compute: Compute) -> Tensor {
        let values = (0..<256).map { 2 * (Float($0) / 255) - 1 }
        let tensor = compute.empty([1, height, width, 3])
        if !compute.isPlanner { for (i, level) in rgb.enumerated() { tensor.pointer[i] = values[Int(level)] } }
        return tensor
    }

    /// The image that the autoencoder gave.
    ///
    /// - Parameter tensor: `[1, height, width, 3]` about -1...1; beyond is clamped. No value may be NaN.
    package init(_ tensor: Tensor) {
        self.init(
            width: tensor.shape[2], height: tensor.shape[1],
            // Halves go to the even neighbour, as in numpy: where floats lie a whole number apart, an addition rounds so.
            rgb: UnsafeBufferPointer(start: tensor.pointer, count: tensor.count).map {
                UInt8(truncatingIfNeeded: (Self.level($0) * 255 + 0x1p23).bitPattern)
            })
    }

    /// -1...1 to 0...1.
    package static func level(_ value: Float) -> Float { min(max(value * 0.5 + 0.5, 0), 1) }
}
