/// How the stored rows and columns are to be shown: the values of EXIF tag 0x0112 (TIFF 6.0, "Orientation").
package enum Orientation: Int, CaseIterable {
    case asStored = 1
    case mirrored = 2
    case rotated180 = 3
    case flipped = 4
    case transposed = 5
    case rotatedClockwise = 6
    case transposedAcrossAntidiagonal = 7
    case rotatedCounterclockwise = 8

    /// Whether width and height change places.
    var swapsSides: Bool { rawValue >= 5 }

    /// The shown size of an image stored as `width` x `height`.
    func shownSize(width: Int, height: Int) -> (width: Int, height: Int) {
        swapsSides ? (height, width) : (width, height)
    }

    /// Rearranges stored pixels `[height, width, channels]` into the order in which they are shown.
    package func apply(to pixels: [UInt8], width: Int, height: Int, channels: Int) -> [UInt8] {
        precondition(
            pixels.count == width * height * channels,
            "\(pixels.count) bytes for [\(height), \(width), \(channels)]")
        if self == .asStored { return pixels }
        let shown = shownSize(width: width, height: height)
        // The stored pixel shown at (x, y) is number first + x * stepX + y * stepY.
        let right = width - 1
        let below = (height - 1) * width
        let (first, stepX, stepY) =
            switch self {
            case .asStored: (0, 1, width)
            case .mirrored: (right, -1, width)
            case .rotated180: (below + right, -1, -width)
            case .flipped: (below, 1, -width)
            case .transposed: (0, width, 1)
            case .rotatedClockwise: (below, -width, 1)
            case .transposedAcrossAntidiagonal: (below + right, -width, -1)
            case .rotatedCounterclockwise: (right, width, -1)
            }
        return [UInt8](unsafeUninitializedCapacity: pixels.count) { output, initializedCount in
            pixels.withUnsafeBufferPointer { input in
                var next = 0
                for y in 0..<shown.height {
                    var source = (first + y * stepY) * channels
                    for _ in 0..<shown.width {
                        for channel in 0..<channels {
                            output[next + channel] = input[source + channel]
                        }
                        next += channels
                        source += stepX * channels
                    }
                }
            }
            initializedCount = pixels.count
        }
    }
}
