import Foundation
import ImageCodecs
import StableDiffusion

/// What happens to a photo before and after the model, by the options of a run.
struct ImageMaker: Sendable {
    let model: ModelDirectory
    let settings: Settings
    let size: SizeOptions
    /// How images are written, and what counts as damage.
    let output: OutputOptions

    /// A photo ready for the model.
    struct Prepared: Sendable {
        /// What of the photo is used.
        let picture: InputPhoto
        let wholeSize: PixelSize
        let source: PixelImage
        let sizes: (working: PixelSize, output: PixelSize)
        /// How long that took.
        let time: Duration
    }

    /// Reads and decodes a job's photo and brings it to the size to work at.
    func prepare(_ job: Job) throws -> Prepared {
        let start = ContinuousClock.now
        let file = try InputFile(path: job.photo.path)
        let header = try file.header()
        let stored = PixelSize(width: header.width, height: header.height)
        if VirtualMemoryBudget.isLimited {
            try VirtualMemoryBudget.require(
                VirtualMemoryBudget.ownBytes(threads: settings.threads) + VirtualMemoryBudget.bytes(of: stored),
                for: "reading a photo of \(stored)")
        }
        try AvailableMemory().require(
            PictureMemory.reading(stored, hasAlpha: header.hasAlpha), for: "reading a photo of \(stored)")
        let whole = try InputPhoto(file, strict: output.strict)
        let sizes = try sizes(for: job, photo: whole.size)
        let picture = whole.middle(size.usedPart(of: whole.size))
        let source = picture.pixels(size: sizes.working)
        return Prepared(
            picture: picture, wholeSize: whole.size, source: source, sizes: sizes, time: start.duration(to: .now))
    }

    /// The sizes for a job's photo, of which no more than the header is looked at.
    func sizes(for job: Job) throws -> (working: PixelSize, output: PixelSize) {
        let header = try header(of: job)
        return try sizes(for: job, photo: PixelSize(width: header.width, height: header.height))
    }

    /// What the header of a job's photo says.
    func header(of job: Job) throws -> ImageHeader {
        try InputFile(path: job.photo.path).header()
    }

    var compare: Bool { output.compare }
    var quality: Int { output.quality ?? OutputOptions.defaultQuality }

    /// Throws when images of a format cannot be written, or not as the options say.
    func check(_ format: ImageFormat) throws {
        // As long as the embedded text may get.
        let size = PixelSize(width: format.maximumSide, height: format.maximumSide)
        try output.check(format, parameters: parameters(seed: .max, working: size))
    }

    /// The encoded file of what the model made of a job's photo.
    func encoded(_ result: PixelImage, of job: Job, _ prepared: Prepared) throws -> Data {
        let parameters = parameters(seed: job.seed, working: prepared.sizes.working)
        var picture = prepared.picture.finished(
            result, size: prepared.sizes.output, format: job.format, parameters: parameters)
        if output.metadata == .none { picture.metadata = ImageMetadata() }
        if compare {
            picture = prepared.picture.resized(to: prepared.sizes.output, format: job.format).beside(picture)
        }
        return try job.format.encode(
            picture, quality: quality, lossless: output.lossless, threads: settings.threads)
    }

    /// The text that is embedded into an image.
    func parameters(seed: UInt64, working: PixelSize) -> String {
        settings.parameters(seed: seed, size: working).text
    }

    /// The size of the file for an image of `size`.
    func written(_ size: PixelSize) -> PixelSize {
        compare ? PixelSize(width: 2 * size.width, height: size.height) : size
    }

    /// The sizes for a photo of a known size.
    func sizes(for job: Job, photo: PixelSize) throws -> (working: PixelSize, output: PixelSize) {
        try job.destination.checkName()
        let sizes = try size.sizes(input: photo, model: model)
        let written = written(sizes.output)
        if max(written.width, written.height) > job.format.maximumSide {
            throw CommandFailure(
                .output,
                "a \(job.format) image has at most \(job.format.maximumSide) pixels on each side, and \(written) are asked for; "
                    + "give --format png or a --size")
        }
        return sizes
    }
}

extension DecodedImage {
    /// This image and another of the same height, in one; profile and parameters are the other's.
    func beside(_ other: DecodedImage) -> DecodedImage {
        precondition(height == other.height, "heights \(height) and \(other.height)")
        func join(_ left: [UInt8], _ right: [UInt8], channels: Int) -> [UInt8] {
            var joined: [UInt8] = []
            joined.reserveCapacity(left.count + right.count)
            for row in 0..<height {
                joined += left[row * width * channels..<(row + 1) * width * channels]
                joined += right[row * other.width * channels..<(row + 1) * other.width * channels]
            }
            return joined
        }
        // Both have an alpha channel or neither: it is the photo's.
        let alpha = alpha.flatMap { left in other.alpha.map { join(left, $0, channels: 1) } }
        return DecodedImage(
            width: width + other.width, height: height, rgb: join(rgb, other.rgb, channels: 3), alpha: alpha,
            iccProfile: other.iccProfile, parameters: other.parameters, metadata: other.metadata)
    }
}
