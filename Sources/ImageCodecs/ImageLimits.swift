import Foundation

/// How large an image may be; checked on the header, before memory is taken for pixels.
public struct ImageLimits: Sendable {
    /// Width times height of the largest image accepted.
    public var maximumPixels: Int

    /// Limits of the caller's own; `standard` suits most.
    public init(maximumPixels: Int) {
        self.maximumPixels = maximumPixels
    }

    /// 268 megapixels, and less on machines with under 8 GB: reading takes up to 16 bytes per pixel for a moment
    /// (progressive JPEG coefficients, the pixels, their turned copy), of which half the memory is allowed.
    public static let standard = ImageLimits(
        maximumPixels: Int(min(1 << 28, ProcessInfo.processInfo.physicalMemory / 32)))

    /// An image of more pixels must have a byte for so many of them: a kilobyte may not take gigabytes of memory.
    private static let unquestionedPixels = 1 << 24
    private static let pixelsPerByte = 4096
    /// And it may be so many times as long as wide: further out there is no photo, and nothing to see of it at a size that a
    /// model works at.
    private static let longestForm = 100

    /// Checks a claimed size. `minimumByteCount` is what no file of this size can be smaller than.
    package func check(width: Int, height: Int, format: ImageFormat, byteCount: Int, minimumByteCount: Int = 0) throws {
        guard width > 0, height > 0 else { throw ImageError.damaged(format, reason: "a size of \(width)x\(height)") }
        if max(width, height) > format.maximumSide {
            throw ImageError.sideTooLong(width: width, height: height, limit: format.maximumSide)
        }
        if width * height > maximumPixels {
            throw ImageError.tooManyPixels(width: width, height: height, limit: maximumPixels)
        }
        if width * height > Self.unquestionedPixels,
            max(width, height) > min(width, height).multipliedCapped(by: Self.longestForm)
        {
            throw ImageError.tooNarrow(width: width, height: height, limit: Self.longestForm)
        }
        if byteCount < minimumByteCount {
            throw ImageError.implausibleSize(width: width, height: height, byteCount: byteCount)
        }
        if width * height > max(Self.unquestionedPixels, byteCount.multipliedCapped(by: Self.pixelsPerByte)) {
            throw ImageError.outOfProportion(width: width, height: height, byteCount: byteCount)
        }
    }

    /// Checks what a decoder will make of an image before anything is seen of it: its tiles with what reaches over the border,
    /// alpha, what is cut off. `codedPixels` is nil where it cannot be found out.
    func check(codedPixels: Int?, of header: ImageHeader) throws {
        guard let codedPixels else { throw ImageError.damaged(header.format, reason: "its parts cannot be found") }
        guard codedPixels > max(Self.unquestionedPixels, 4 * header.width * header.height) else { return }
        throw ImageError.damaged(
            header.format,
            reason: "it says that it has \(header.width)x\(header.height) pixels, and \(codedPixels) are coded")
    }
}

extension Int {
    /// The product, or the largest number when it is larger.
    func multipliedCapped(by factor: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? .max : product
    }
}
