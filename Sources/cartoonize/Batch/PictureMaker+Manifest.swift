import ImageCodecs
import StableDiffusion

/// What a batch asks of the maker of its pictures.
extension PictureMaker {
    /// The manifest's line of a picture that is yet to be made.
    func line(of job: Job, folder: String) -> ManifestLine {
        ManifestLine(
            job: job,
            settings: Joined(
                settings.generation,
                PictureContext(
                    model: settings.modelName, modelHash: settings.modelHash, size: size.size?.description,
                    maxPixels: size.maxPixels, format: job.format.description,
                    quality: job.format.takesQuality && !output.lossless ? quality : nil, compare: compare,
                    lossless: output.lossless ? true : nil,
                    metadata: output.metadata == .keep ? nil : output.metadata.rawValue)),
            folder: folder)
    }

    /// Whether the file at `path` shows by its parameters, size and age that it is what this job would make.
    func isResult(of job: Job, at path: String) -> Bool {
        guard let file = try? InputFile(path: path), let made = try? ImageFile.header(of: file.data),
            let photo = try? InputFile(path: job.photo.path), let sizes = try? sizes(for: job)
        else { return false }
        return made.parameters == parameters(seed: job.seed, working: sizes.working) && made.format == job.format
            && PixelSize(width: made.width, height: made.height) == written(sizes.output)
            && photo.modified <= file.modified
    }
}
