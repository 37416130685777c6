import Files
import Foundation
import ImageCodecs
import ModelHub
import StableDiffusion

/// What a batch asks of the maker of its images.
extension ImageMaker {
    /// The manifest's line of an image that is yet to be made.
    func line(of job: Job, folder: String) -> ManifestLine {
        ManifestLine(
            job: job,
            settings: Joined(
                settings.generation,
                PictureContext(
                    model: settings.modelName, modelHash: settings.modelHash, size: size.size?.description,
                    resize: size.size == nil || size.resize == .stretch ? nil : size.resize.rawValue,
                    maxPixels: size.maxPixels, format: job.format.description,
                    quality: job.format.takesQuality && !output.lossless ? quality : nil, compare: compare,
                    lossless: output.lossless ? true : nil,
                    metadata: output.metadata == .keep ? nil : output.metadata.rawValue)),
            folder: folder)
    }

    /// What became of an image that an earlier run made.
    enum Condition {
        case asMade
        /// Whole, but another file: somebody worked on it.
        case changed
        case damaged
    }

    /// The condition of the image at `path`. It is read only if its size or time is not what its line says.
    func condition(of path: String, made line: ManifestLine) -> Condition {
        var status = stat()
        guard let sum = line.outputSHA256 else { return .asMade }  // of an older version
        if fileStatus(path, &status) == 0, Int(status.st_size) == line.outputBytes,
            status.modified == line.outputModified
        {
            return .asMade
        }
        guard let file = try? InputFile(path: path) else { return .damaged }
        if Digest.sha256(of: file.data) == sum { return .asMade }
        return (try? InputPhoto(file, strict: true)) == nil ? .damaged : .changed
    }

    /// The line of `job` as it is recorded for the file at `path`, if that shows by its parameters, size and age that it
    /// is what the job would make.
    func line(of job: Job, foundAt path: String, folder: String) -> ManifestLine? {
        guard isResult(of: job, at: path), let file = try? InputFile(path: path) else { return nil }
        var line = line(of: job, folder: folder)
        line.recordOutput(at: path, sha256: Digest.sha256(of: file.data))
        return line
    }

    /// Whether the file at `path` shows by its parameters, size and age that it is what this job would make.
    func isResult(of job: Job, at path: String) -> Bool {
        guard let file = try? InputFile(path: path), let made = try? ImageFile.header(of: file.data),
            let photo = try? InputFile(path: job.photo.path), let sizes = try? sizes(for: job)
        else { return false }
        return made.parameters == parameters(seed: job.seed, working: sizes.working) && made.format == job.format
            && PixelSize(width: made.width, height: made.height) == written(sizes.output)
            && min(photo.modified, photo.touched) <= file.modified
    }
}
