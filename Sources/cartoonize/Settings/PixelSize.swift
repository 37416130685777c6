import ArgumentParser

/// A width and a height in pixels, written `640x480` on the command line.
struct PixelSize: Hashable, Sendable {
    var width: Int
    var height: Int

    var pixels: Int { width * height }
}

extension PixelSize: CustomStringConvertible {
    var description: String { "\(width)x\(height)" }
}

extension PixelSize: ExpressibleByArgument {
    /// The longest side that can be asked for; it keeps every later product of sides far from overflow.
    static let longestSide = 16384

    init?(argument: String) {
        let sides = argument.lowercased().split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        guard sides.count == 2, let width = sides[0], let height = sides[1] else { return nil }
        guard (1...Self.longestSide).contains(width), (1...Self.longestSide).contains(height) else { return nil }
        self.init(width: width, height: height)
    }
}

extension PixelSize {
    /// The size that a model works at for an image of this size: an image of more than `limit` pixels is reduced,
    /// sides in proportion; then sides are rounded down to multiples of `factor`, but to no less than `smallestSide`.
    func workingSize(factor: Int, smallestSide: Int, limit: Int) -> PixelSize {
        let scale = pixels > limit ? (Double(limit) / Double(pixels)).squareRoot() : 1
        func side(_ length: Int) -> Int {
            max(smallestSide, Int(Double(length) * scale) / factor * factor)
        }
        // A short side that was enlarged to its least can make a long image too large again.
        func shortened(_ side: Int, beside other: Int) -> Int {
            max(smallestSide, min(side, limit / other / factor * factor))
        }
        let shortWidth = shortened(side(width), beside: side(height))
        return PixelSize(width: shortWidth, height: shortened(side(height), beside: shortWidth))
    }

    /// The size of the same shape with about so many pixels.
    func scaled(toPixels pixels: Int) -> PixelSize {
        scaled((Double(pixels) / Double(self.pixels)).squareRoot())
    }

    /// The largest size of this shape inside `other`.
    func fitted(into other: PixelSize) -> PixelSize {
        let scale = min(Double(other.width) / Double(width), Double(other.height) / Double(height))
        let size = scaled(scale)
        return PixelSize(width: min(size.width, other.width), height: min(size.height, other.height))
    }

    private func scaled(_ scale: Double) -> PixelSize {
        func side(_ length: Int) -> Int { max(1, Int((Double(length) * scale).rounded())) }
        return PixelSize(width: side(width), height: side(height))
    }

    /// Whether the sides' ratio is that of `other`, but for rounding.
    func hasShape(of other: PixelSize) -> Bool {
        abs(Double(width) * Double(other.height) / (Double(height) * Double(other.width)) - 1) < 0.02
    }

    /// Whether this is smaller than `other` by more than rounding the sides down explains.
    func isMuchSmaller(than other: PixelSize) -> Bool {
        Double(pixels) < 0.9 * Double(other.pixels)
    }
}
