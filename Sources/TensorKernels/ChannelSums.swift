import CKernels

/// Sums and sums of squares of the channels of images, what group norms are made of: in double, as a mean far from zero must
/// leave enough digits for the variance.
///
/// Convolutions add them up piece by piece while what they wrote is still in the cache; each piece is as large whatever the
/// number of threads, so that the sums are, too.
struct ChannelSums {
    /// Of neighbouring channels.
    struct Part {
        let channels: Int
        /// Pieces of each image.
        let pieces: Int
        private let storage: Tensor

        init(images: Int, pieces: Int, channels: Int, on compute: Compute) {
            (self.channels, self.pieces) = (channels, pieces)
            storage = compute.scratch(images * pieces * channels * 4)
        }

        /// The sums of a piece's channels, then the sums of squares.
        func values(image: Int, piece: Int) -> UnsafeMutablePointer<Double> {
            UnsafeMutableRawPointer(storage.pointer).assumingMemoryBound(to: Double.self)
                + (image * pieces + piece) * channels * 2
        }

        /// Adds up a piece's rows of pixels, `rowStride` floats apart, of some channels.
        func set(
            image: Int, piece: Int, channels range: Range<Int>, rows: Int, pixels: Int,
            from first: UnsafePointer<Float>, rowStride: Int, pixelStride: Int
        ) {
            let sums = values(image: image, piece: piece) + range.lowerBound
            let squares = sums + channels
            sums.update(repeating: 0, count: range.count)
            squares.update(repeating: 0, count: range.count)
            for row in 0..<rows {
                storage.compute.kernels.column_sums(
                    first + row * rowStride, pixelStride, pixels, range.count, sums, squares)
            }
        }
    }

    private(set) var parts: [Part]

    init(_ part: Part) { parts = [part] }

    /// The sums over `x`, `[batch, ..., channels]`.
    init(of x: Tensor) {
        let (batch, channels) = (x.shape[0], x.shape[x.shape.count - 1])
        let pixels = x.count / batch / channels
        let pieces = (pixels + pixelBlock - 1) / pixelBlock
        let part = Part(images: batch, pieces: pieces, channels: channels, on: x.compute)
        let source = x.pointer
        x.compute.plan?.sum(x.count)
        x.compute.parallel(batch * pieces) { index, _ in
            let (image, first) = (index / pieces, index % pieces * pixelBlock)
            part.set(
                image: image, piece: index % pieces, channels: 0..<channels, rows: 1,
                pixels: min(pixels, first + pixelBlock) - first, from: source + (image * pixels + first) * channels,
                rowStride: 0, pixelStride: channels)
        }
        parts = [part]
    }

    /// The sums of both tensors' channels side by side.
    static func + (a: ChannelSums, b: ChannelSums) -> ChannelSums {
        var both = a
        both.parts += b.parts
        return both
    }

    /// The sum and the sum of squares of all values of an image's `channels`.
    func total(image: Int, channels: Range<Int>) -> (sum: Double, squares: Double) {
        var (sum, squares) = (0.0, 0.0)
        var first = 0
        for part in parts {
            let members = channels.clamped(to: first..<first + part.channels)
            for piece in members.isEmpty ? 0..<0 : 0..<part.pieces {
                let values = part.values(image: image, piece: piece) - first
                for c in members {
                    sum += values[c]
                    squares += values[part.channels + c]
                }
            }
            first += part.channels
        }
        return (sum, squares)
    }
}
