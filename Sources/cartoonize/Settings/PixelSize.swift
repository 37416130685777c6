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
    /// The size that a model works at for a picture of this size: a picture of more than `limit` pixels is reduced,
    /// sides in proportion; then sides are rounded down to multiples of `factor`, but to no less than `smallestSide`.
    func workingSize(factor: Int, smallestSide: Int, limit: Int) -> PixelSize {
        let scale = pixels > limit ? (Double(limit) / Double(pixels)).squareRoot() : 1
        func side(_ length: Int) -> Int {
            max(smallestSide, Int(Double(length) * scale) / factor * factor)
        }
        // A short side that was enlarged to its least can make a long picture too large again.
        func shortened(_ side: Int, beside other: Int) -> Int {
            max(smallestSide, min(side, limit / other / factor * factor))
        }
        let shortWidth = shortened(side(width), beside: side(height))
        return PixelSize(width: shortWidth, height: shortened(side(height), beside: shortWidth))
    }

    /// Whether this is smaller than `other` by more than rounding the sides down explains.
    func isMuchSmaller(than other: PixelSize) -> Bool {
        Double(pixels) < 0.9 * Double(other.pixels)
    }
}
