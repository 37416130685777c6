import Files
import Foundation
import StableDiffusion

/// What is recorded of one image of a batch: a line of JSON.
struct ManifestLine: Encodable, Equatable, Sendable {
    /// The photo's path as the run saw it.
    var input: String
    /// The image's path, relative to the manifest's folder: it identifies the image.
    var output: String
    var seed: UInt64
    var settings: ImageSettings
    /// The photo's size in bytes and last change, by which a changed photo is noticed; nil when it could not be read.
    var inputBytes: Int?
    var inputModified: Double?
    /// The image's size in bytes, last change and SHA-256, by which a damaged one is noticed.
    var outputBytes: Int?
    var outputModified: Double?
    var outputSHA256: String?
    /// Seconds that the image took, or that it took to fail.
    var seconds: Double
    /// What went wrong; nil for an image that was made.
    var error: String?
    var exitCode: Int32?

    /// Whether the image that this line describes is the one that a run with the other line's settings would make.
    func isSamePicture(as other: ManifestLine) -> Bool {
        error == nil && key == other.key && seed == other.seed && settings == other.settings
            && inputBytes == other.inputBytes && inputModified == other.inputModified
    }

    /// The image's name, which identifies the line.
    var key: FilePath { FilePath(output) }

    /// Takes down what the file at `path` is now.
    ///
    /// - Parameter sum: its SHA-256.
    mutating func recordOutput(at path: String, sha256 sum: String) {
        var status = stat()
        guard fileStatus(path, &status) == 0 else { return }
        (outputBytes, outputModified, outputSHA256) = (Int(status.st_size), status.modified, sum)
    }
}

extension ManifestLine {
    /// The line of an image that is yet to be made.
    init(job: Job, settings: ImageSettings, folder: String) {
        self.init(
            input: job.photo.name, output: Self.relativeName(job.destination.name, to: folder), seed: job.seed,
            settings: settings, seconds: 0)
        var status = stat()
        if fileStatus(job.photo.path, &status) == 0 {
            inputBytes = Int(status.st_size)
            inputModified = status.modified
        }
    }

    /// `path` without `folder` in front; a path that lies elsewhere stays as it is.
    static func relativeName(_ path: String, to folder: String) -> String {
        let (path, folder) = (FilePath(path).simplified, FilePath(folder).simplified)
        return folder.isEmpty ? path : FilePath(path).relative(to: FilePath(folder)) ?? path
    }
}

/// All that decides how an image comes out, other than photo and seed.
typealias ImageSettings = Joined<GenerationSettings, PictureContext>

/// What decides how an image comes out beside the settings of its generation: the model and the options of the file.
struct PictureContext: Codable, Equatable, Sendable {
    var model: String
    /// Which model of that name; see `Settings.modelHash`.
    var modelHash: String
    /// The options of that name; nil when not given.
    var size: String?
    /// nil for the usual, a photo that takes the size as it is.
    var resize: String?
    var maxPixels: Int?
    var format: String
    /// nil for a format that has none.
    var quality: Int?
    var compare: Bool
    /// nil for the usual: with loss, where there is a choice, and with the photo's metadata.
    var lossless: Bool?
    var metadata: String?
}
