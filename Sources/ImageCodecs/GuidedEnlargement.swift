/// Enlarges an image made from a reduced photo, with the photo at hand: Lanczos, and on top the detail that reducing cost
/// the photo, as far as the image follows the photo's brightness there.
///
/// How far it follows is the guided filter's coefficient (He, Sun & Tang 2013): the slope of the least-squares line from
/// brightness to each colour in a window of 3x3 pixels. Lines that the image adds, and what it flattens, stay so.
///
/// Against 13 images made at full size, each reduced to half and enlarged again, this comes 1.6 dB nearer than Lanczos
/// (30.3 and 28.6 dB on average, better on all); made at half size, 0.3 dB nearer (on all). The guided filter by itself
/// blurs the lines that the model draws, as joint bilateral enlargement does (26.4 and 26.9 dB).
public enum GuidedEnlargement {
    /// The variance of brightness, 0 to 1, below which detail counts little: that of noise and of soft gradients.
    private static let epsilon: Float = 0.01

    /// - Parameters:
    ///   - image: `[height, width, 3]` bytes.
    ///   - width: the image's, in pixels.
    ///   - height: the image's, in pixels.
    ///   - guide: the photo, `[newHeight, newWidth, 3]` bytes.
    ///   - newWidth: the guide's, in pixels.
    ///   - newHeight: the guide's, in pixels.
    /// - Returns: `[newHeight, newWidth, 3]` bytes.
    public static func enlarge(
        _ picture: [UInt8], width: Int, height: Int, guide: [UInt8], toWidth newWidth: Int, height newHeight: Int
    ) -> [UInt8] {
        precondition(
            picture.count == 3 * width * height && guide.count == 3 * newWidth * newHeight,
            "\(picture.count) bytes for \(width)x\(height), \(guide.count) for \(newWidth)x\(newHeight)")
        let reduced = Lanczos.resize(
            guide, width: newWidth, height: newHeight, channels: 3, toWidth: width, height: height)
        let slopes = slopes(of: picture, on: reduced, width: width, height: height)
        let back = Lanczos.resize(
            reduced, width: width, height: height, channels: 3, toWidth: newWidth, height: newHeight)
        var result = Lanczos.resize(
            picture, width: width, height: height, channels: 3, toWidth: newWidth, height: newHeight)

        // Between the four nearest slopes, linearly.
        let columns = (0..<newWidth).map { Position($0, of: newWidth, in: width) }
        for y in 0..<newHeight {
            let row = Position(y, of: newHeight, in: height)
            let (upper, lower) = (row.first * width, row.second * width)
            for x in 0..<newWidth {
                let column = columns[x]
                let pixel = 3 * (y * newWidth + x)
                let detail =
                    brightness(guide[pixel], guide[pixel + 1], guide[pixel + 2])
                    - brightness(back[pixel], back[pixel + 1], back[pixel + 2])
                if detail == 0 { continue }
                for channel in 0..<3 {
                    func slope(_ row: Int) -> Float {
                        let left = slopes[3 * (row + column.first) + channel]
                        return left + (slopes[3 * (row + column.second) + channel] - left) * column.fraction
                    }
                    let top = slope(upper)
                    let value = top + (slope(lower) - top) * row.fraction
                    let sum = Float(result[pixel + channel]) + value * detail
                    result[pixel + channel] = UInt8(min(max(sum.rounded(.toNearestOrEven), 0), 255))
                }
            }
        }
        return result
    }

    /// Where a place of a large axis lies between two of a small one.
    private struct Position {
        let first: Int
        let second: Int
        let fraction: Float

        init(_ place: Int, of count: Int, in smaller: Int) {
            let center = max((Float(place) + 0.5) * Float(smaller) / Float(count) - 0.5, 0)
            first = min(Int(center), smaller - 1)
            second = min(first + 1, smaller - 1)
            fraction = center - Float(first)
        }
    }

    /// `[height, width, 3]`: how each colour of the image changes with the guide's brightness, smoothed.
    private static func slopes(of picture: [UInt8], on guide: [UInt8], width: Int, height: Int) -> [Float] {
        let light = (0..<width * height).map { pixel in
            brightness(guide[3 * pixel], guide[3 * pixel + 1], guide[3 * pixel + 2]) / 255
        }
        let mean = Plane(light, width: width, height: height).blurred()
        let squares = Plane(light.map { $0 * $0 }, width: width, height: height).blurred()
        var slopes = [Float](repeating: 0, count: 3 * width * height)
        for channel in 0..<3 {
            let colour = (0..<width * height).map { Float(picture[3 * $0 + channel]) / 255 }
            let colourMean = Plane(colour, width: width, height: height).blurred()
            let products = Plane(zip(light, colour).map { $0 * $1 }, width: width, height: height).blurred()
            let slope = (0..<width * height).map { pixel -> Float in
                let covariance: Float = products[pixel] - mean[pixel] * colourMean[pixel]
                let variance: Float = squares[pixel] - mean[pixel] * mean[pixel]
                return covariance / (variance + epsilon)
            }
            let smooth = Plane(slope, width: width, height: height).blurred()
            for pixel in 0..<width * height { slopes[3 * pixel + channel] = smooth[pixel] }
        }
        return slopes
    }

    /// Rec. 601 luma of 0 to 255.
    private static func brightness(_ red: UInt8, _ green: UInt8, _ blue: UInt8) -> Float {
        0.299 * Float(red) + 0.587 * Float(green) + 0.114 * Float(blue)
    }
}

/// One number per pixel.
private struct Plane {
    let values: [Float]
    let width: Int
    let height: Int

    init(_ values: [Float], width: Int, height: Int) {
        (self.values, self.width, self.height) = (values, width, height)
    }

    /// The mean of the 3x3 pixels around each; the border's pixels count twice there.
    func blurred() -> [Float] {
        var rows = values
        for y in 0..<height {
            for x in 0..<width {
                let row = y * width
                rows[row + x] = values[row + max(x - 1, 0)] + values[row + x] + values[row + min(x + 1, width - 1)]
            }
        }
        var result = rows
        for y in 0..<height {
            let (above, row, below) = (max(y - 1, 0) * width, y * width, min(y + 1, height - 1) * width)
            for x in 0..<width { result[row + x] = (rows[above + x] + rows[row + x] + rows[below + x]) / 9 }
        }
        return result
    }
}
