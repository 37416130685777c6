/// What `CLIPImageProcessor` does to an image: its shorter side is brought to a size, its middle is taken, its values are
/// normalised. Decoded from `preprocessor_config.json`.
package struct CLIPImagePreparation: Equatable, Sendable {
    package let shortestEdge: Int
    package let cropSize: Int
    let mean: [Float]
    let deviation: [Float]

    /// - Throws: `ConfigurationError` naming the field that is malformed or not supported.
    package init(_ fields: ConfigurationFields) throws {
        try fields.requireDefaults(of: ["do_resize", "do_center_crop", "do_rescale", "do_normalize", "resample"])
        // Older versions write a number for a size.
        func size(_ field: String, _ sides: [String]) throws -> Int {
            let value = fields.value(field)
            let found = sides.map { value.object?[$0] ?? (value.object == nil ? value : .null) }
            guard Set(found.map(\.description)).count == 1, let size = found[0].integer(in: 1...4096) else {
                throw fields.refusal(field, "expected \(sides.joined(separator: " and ")), the same number of pixels")
            }
            return size
        }
        shortestEdge = try size("size", ["shortest_edge"])
        cropSize = try size("crop_size", ["height", "width"])
        guard cropSize <= shortestEdge else {
            throw fields.refusal("crop_size", "but only what is no more than size is supported")
        }
        func channels(_ field: String) throws -> [Float] {
            guard let values = try fields.numbers(field)?.map({ Float($0) }), values.count == 3 else {
                throw fields.refusal(field, "expected three numbers")
            }
            return values
        }
        mean = try channels("image_mean")
        deviation = try channels("image_std")
        guard (mean + deviation).allSatisfy(\.isFinite), deviation.allSatisfy({ $0 > 0 }) else {
            throw fields.failure("image_mean or image_std is no number that goes here")
        }
    }

    /// The defaults of `CLIPImageProcessor` in transformers 5.
    package static let defaults: [String: JSONValue] = [
        "do_resize": true, "size": 224, "resample": 3, "do_center_crop": true, "crop_size": 224, "do_rescale": true,
        "do_normalize": true, "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    ]

    /// - Returns: `[3, cropSize, cropSize]` in PyTorch's order.
    package func callAsFunction(_ image: PixelImage) -> [Float] {
        let (short, long) = (min(image.width, image.height), max(image.width, image.height))
        let longest = shortestEdge * long / short
        let (width, height) = image.width <= image.height ? (shortestEdge, longest) : (longest, shortestEdge)
        // Only the rows and columns that stay are worked out.
        let columns = BicubicTaps(from: image.width, to: width).middle(cropSize)
        let rows = BicubicTaps(from: image.height, to: height).middle(cropSize)
        let (first, last) = (rows.map(\.start).min() ?? 0, rows.map(\.end).max() ?? 0)
        var narrow: [UInt8] = []
        narrow.reserveCapacity((last - first) * cropSize * 3)
        for y in first..<last {
            for tap in columns {
                for channel in 0..<3 {
                    narrow.append(tap.sum(of: image.rgb, at: (y * image.width + tap.start) * 3 + channel, stride: 3))
                }
            }
        }
        var values: [Float] = []
        values.reserveCapacity(3 * cropSize * cropSize)
        for channel in 0..<3 {
            for tap in rows {
                for x in 0..<cropSize {
                    let start = ((tap.start - first) * cropSize + x) * 3 + channel
                    let level = tap.sum(of: narrow, at: start, stride: 3 * cropSize)
                    values.append((Float(level) / 255 - mean[channel]) / deviation[channel])
                }
            }
        }
        return values
    }
}

/// The weights of one pixel of a resized row or column, in units of 2^-22.
private struct BicubicTap {
    let start: Int
    let weights: [Int]
    var end: Int { start + weights.count }

    func sum(of values: [UInt8], at first: Int, stride: Int) -> UInt8 {
        var sum = 1 << 21
        for (index, weight) in weights.enumerated() { sum += weight * Int(values[first + index * stride]) }
        return UInt8(min(max(sum >> 22, 0), 255))
    }
}

/// Pillow's resampling of 8-bit rows by Keys's cubic (a = -0.5), widened where the image gets smaller, so that values come
/// out the same.
private struct BicubicTaps {
    private let from: Int
    private let to: Int

    init(from: Int, to: Int) { (self.from, self.to) = (from, to) }

    /// The taps of the `count` pixels in the middle.
    func middle(_ count: Int) -> [BicubicTap] {
        let first = (to - count) / 2
        return (first..<first + count).map(tap)
    }

    private func tap(_ index: Int) -> BicubicTap {
        let scale = Double(from) / Double(to)
        let widening = max(scale, 1)
        let center = (Double(index) + 0.5) * scale
        let start = max(0, Int(center - 2 * widening + 0.5))
        let end = min(from, Int(center + 2 * widening + 0.5))
        let weights = (start..<end).map { cubic((Double($0) - center + 0.5) / widening) }
        let total = weights.reduce(0, +)
        return BicubicTap(
            start: start, weights: weights.map { Int(($0 / total * 0x1p22).rounded(.toNearestOrAwayFromZero)) })
    }

    private func cubic(_ x: Double) -> Double {
        let (a, x) = (-0.5, abs(x))
        if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
        return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
    }
}
