import CImageCodecs
import Foundation

/// Resizing with a Lanczos window of three lobes, to the same bytes as PIL's `Image.resize`.
///
/// Two passes with 8 bits between; when shrinking, the window is widened to cover all the pixels that fall together.
/// Weights are computed in double and rounded to multiples of 2^-22. As Pillow 13 has it: its earlier versions filter
/// rows first even where the height shrinks much more than the width, which gives other bytes there.
public enum Lanczos {
    /// Resizes `[height, width, channels]` bytes, 1 or 3 channels. The sizes must be positive.
    public static func resize(
        _ pixels: [UInt8], width: Int, height: Int, channels: Int, toWidth newWidth: Int, height newHeight: Int
    ) -> [UInt8] {
        precondition(
            (channels == 1 || channels == 3) && pixels.count == width * height * channels && newWidth > 0
                && newHeight > 0,
            "\(pixels.count) bytes for [\(height), \(width), \(channels)] to \(newWidth)x\(newHeight)")
        if height - newHeight > 2 * max(width - newWidth, 0) {
            let between = resizeColumns(pixels, rowBytes: width * channels, from: height, to: newHeight)
            return resizeRows(between, rows: newHeight, channels: channels, from: width, to: newWidth)
        }
        let between = resizeRows(pixels, rows: height, channels: channels, from: width, to: newWidth)
        return resizeColumns(between, rowBytes: newWidth * channels, from: height, to: newHeight)
    }

    private static func resizeRows(_ pixels: [UInt8], rows: Int, channels: Int, from width: Int, to newWidth: Int)
        -> [UInt8]
    {
        resample(pixels, count: rows * newWidth * channels, from: width, to: newWidth) { source, filter, output in
            cimage_resample_horizontally(source, width, rows, channels, filter, output)
        }
    }

    private static func resizeColumns(_ pixels: [UInt8], rowBytes: Int, from height: Int, to newHeight: Int)
        -> [UInt8]
    {
        resample(pixels, count: newHeight * rowBytes, from: height, to: newHeight) { source, filter, output in
            cimage_resample_vertically(source, rowBytes, filter, output)
        }
    }

    private static func resample(
        _ pixels: [UInt8], count: Int, from size: Int, to newSize: Int,
        _ pass: (UnsafePointer<UInt8>?, UnsafePointer<cimage_filter>, UnsafeMutablePointer<UInt8>?) -> Void
    ) -> [UInt8] {
        if newSize == size { return pixels }
        return [UInt8](unsafeUninitializedCapacity: count) { output, initializedCount in
            LanczosFilter(from: size, to: newSize).withCFilter { filter in
                pixels.withUnsafeBufferPointer { pass($0.baseAddress, filter, output.baseAddress) }
            }
            initializedCount = count
        }
    }
}

/// Which input positions make an output position along one axis, and with which weights.
private struct LanczosFilter {
    private var starts: [Int32] = []
    private var lengths: [Int32] = []
    private var weights: [Int32] = []

    init(from inputSize: Int, to outputSize: Int) {
        let scale = Double(inputSize) / Double(outputSize)
        let stretch = max(scale, 1)
        let support = 3 * stretch
        for position in 0..<outputSize {
            let center = (Double(position) + 0.5) * scale
            let start = max(Int(center - support + 0.5), 0)
            let end = min(Int(center + support + 0.5), inputSize)
            let run = (start..<end).map { Self.lanczos((Double($0) - center + 0.5) * (1 / stretch)) }
            let sum = run.reduce(0, +)
            starts.append(Int32(start))
            lengths.append(Int32(run.count))
            for weight in run {
                let scaled = (sum == 0 ? weight : weight / sum) * 0x1p22
                weights.append(Int32(scaled < 0 ? scaled - 0.5 : scaled + 0.5))
            }
        }
    }

    private static func lanczos(_ x: Double) -> Double {
        -3 <= x && x < 3 ? sinc(x) * sinc(x / 3) : 0
    }

    private static func sinc(_ x: Double) -> Double {
        x == 0 ? 1 : sin(x * .pi) / (x * .pi)
    }

    func withCFilter(_ body: (UnsafePointer<cimage_filter>) -> Void) {
        starts.withUnsafeBufferPointer { starts in
            lengths.withUnsafeBufferPointer { lengths in
                weights.withUnsafeBufferPointer { weights in
                    var filter = cimage_filter(
                        count: starts.count, starts: starts.baseAddress, lengths: lengths.baseAddress,
                        weights: weights.baseAddress)
                    body(&filter)
                }
            }
        }
    }
}
