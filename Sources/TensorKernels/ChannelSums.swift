import CKernels

/// The sum and the sum of squares of each channel of images, what group norms are made of: in double, as a mean far from
/// zero must leave enough digits for the variance.
struct ChannelSums {
    /// `[images][channels]`
    private let sums: [SIMD2<Double>]
    private let channels: Int
    /// The number of values that were added up.
    private let count: Int

    private init(_ sums: [SIMD2<Double>], channels: Int, count: Int) {
        (self.sums, self.channels, self.count) = (sums, channels, count)
    }

    /// Of `x`, `[batch, ..., channels]`.
    init(of x: Tensor) {
        let (batch, channels) = (x.shape[0], x.shape[x.shape.count - 1])
        let pixels = x.count / batch / channels
        let count = (pixels + pixelBlock - 1) / pixelBlock
        let pieces = Pieces(images: batch, count: count, channels: channels, on: x.compute)
        let source = x.pointer
        x.compute.parallel(batch * count, Work(values: x.count)) { index, _ in
            let (image, first) = (index / count, index % count * pixelBlock)
            pieces.set(
                image: image, piece: index % count, channels: 0..<channels, rows: 1,
                pixels: min(pixels, first + pixelBlock) - first, from: source + (image * pixels + first) * channels,
                rowStride: 0, pixelStride: channels)
        }
        self.init(pieces, count: x.count)
    }

    /// - Parameter count: the number of values that were added up.
    init(_ pieces: Pieces, count: Int) { self.init(pieces.total(), channels: pieces.channels, count: count) }

    /// The sums of both tensors' channels side by side.
    static func + (a: ChannelSums, b: ChannelSums) -> ChannelSums {
        let images = 0..<a.sums.count / a.channels
        return ChannelSums(
            images.flatMap { a.sums[a.range($0)] + b.sums[b.range($0)] }, channels: a.channels + b.channels,
            count: a.count + b.count)
    }

    private func range(_ image: Int) -> Range<Int> { image * channels..<(image + 1) * channels }

    /// Whether a tensor of this shape over the same memory has these sums.
    func belong(to shape: [Int]) -> Bool {
        sums.count == shape[0] * channels && shape.last == channels && count == shape.reduce(1, *)
    }

    /// The sum and the sum of squares of all values of an image's `members`.
    func total(image: Int, channels members: Range<Int>) -> (sum: Double, squares: Double) {
        let total = members.reduce(SIMD2(0, 0)) { $0 + sums[image * channels + $1] }
        return (total.x, total.y)
    }
}

extension ChannelSums {
    /// Sums that are made piece by piece, by convolutions while what they wrote is still in the cache. A piece is as large
    /// whatever the number of threads, so that the sums are, too.
    struct Pieces {
        /// Of each image.
        let count: Int
        let channels: Int
        private let images: Int
        private let storage: Tensor

        init(images: Int, count: Int, channels: Int, on compute: Compute) {
            (self.images, self.count, self.channels) = (images, count, channels)
            storage = compute.scratch(images * count * channels * 4)
        }

        /// The sums of a piece's channels, then the sums of squares.
        private func values(image: Int, piece: Int) -> UnsafeMutablePointer<Double> {
            UnsafeMutableRawPointer(storage.pointer).assumingMemoryBound(to: Double.self)
                + (image * count + piece) * channels * 2
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

        /// The sums of all pieces, `[images][channels]`.
        fileprivate func total() -> [SIMD2<Double>] {
            var total = [SIMD2<Double>](repeating: SIMD2(0, 0), count: images * channels)
            total.withUnsafeMutableBufferPointer { total in
                nonisolated(unsafe) let total = total
                // A line of the cache has eight values.
                let (compute, width) = (storage.compute, 8)
                let parts = (channels + width - 1) / width
                compute.parallel(images * parts, Work(values: storage.count)) { index, _ in
                    let (image, first) = (index / parts, index % parts * width)
                    for piece in 0..<count {
                        let values = values(image: image, piece: piece)
                        for c in first..<min(channels, first + width) {
                            total[image * channels + c] += SIMD2(values[c], values[channels + c])
                        }
                    }
                }
            }
            return total
        }
    }
}
