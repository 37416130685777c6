/// The memory that a photo takes beside the model, and what is made of it on its way to a file.
struct PictureMemory {
    /// The photo's size, the size to work at, and the size to write.
    let photo: PixelSize
    let working: PixelSize
    let output: PixelSize
    let hasAlpha: Bool
    /// Whether its colours have to be converted to sRGB and back.
    let hasProfile: Bool
    /// Whether photo and image go side by side into the file.
    let isCompared: Bool

    /// While the model works on it.
    var held: Int { photo.pixels * samples }

    /// At its highest, which is on the way to the file.
    var peak: Int { held + max(enlarging, encoding) }

    /// Of an image that waits for the model or is on its way to it: the encoded file is there, too.
    var reading: Int { Self.reading(photo, hasAlpha: hasAlpha) }

    /// What reading a photo takes, which is known before anything else of it.
    static func reading(_ photo: PixelSize, hasAlpha: Bool) -> Int { 2 * photo.pixels * (hasAlpha ? 4 : 3) }

    private var samples: Int { hasAlpha ? 4 : 3 }

    /// The image at its size, the photo's colours in sRGB, and the photo as it would come back from the size worked at; a
    /// quarter of a byte per pixel for what is between the two passes of resizing; and 64 bytes per pixel of the size worked
    /// at for how the one follows the other, which covers what was measured from 20 to 256 megapixels.
    private var enlarging: Int {
        let slopes = working.pixels < output.pixels ? 64 * working.pixels : 0
        return output.pixels * (samples + 3 + (hasProfile ? 3 : 0)) + output.pixels / 4 + slopes
    }

    /// The image, side by side with the photo in another copy, and its file: drawings take about half of their pixels.
    private var encoding: Int {
        let written = output.pixels * samples * (isCompared ? 2 : 1)
        return output.pixels * samples + (isCompared ? written : 0) + written / 2
    }
}
