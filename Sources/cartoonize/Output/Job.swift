import Files
import Foundation
import ImageCodecs

/// One image to make.
struct Job: Sendable {
    let photo: Photo
    let seed: UInt64
    let destination: Destination
    let format: ImageFormat
    /// Whether a damaged image is there, which is replaced whatever the options say.
    var replacesDamaged = false
}

/// Which names the images of a run get.
struct OutputNaming {
    /// The argument of `--output`: a path, a folder, or `-`.
    let output: String?
    /// The argument of `--format`; without it the output's extension decides.
    let format: ImageFormat?
    /// One image for each seed; with more than one, each file name gets its seed.
    let seeds: [UInt64]

    /// The images of the only photo of a run.
    func jobs(forOnly photo: Photo) throws -> [Job] {
        if output == "-" {
            try requireOnePicture(for: "-o -")
            guard !StandardStreams.isTerminal(STDOUT_FILENO) else {
                throw CommandFailure(
                    .usage, "an image is not written to a terminal; redirect it or name a file with -o")
            }
            return [job(photo, .standardOutput, format ?? .png)]
        }
        guard let output else { return try jobs(for: photo) }
        guard !output.isEmpty else { throw CommandFailure(.output, "the name of the output is empty") }
        if FileKind(output) == .other {
            try requireOnePicture(for: output)
            return [job(photo, .device(output), format ?? .png)]
        }
        let fileExtension = FilePath(output).fileExtension
        guard let format = format ?? ImageFormat(fileExtension: fileExtension) else {
            throw CommandFailure(
                .usage,
                "the format is not clear from the name \(output); \(ImageFormat.howToChoose)")
        }
        return jobs(photo, stem: FilePath(output).withoutExtension, fileExtension: fileExtension, format)
    }

    /// Whether the output is a folder of images, which may be yet to be made: for a single photo as for several.
    var isFolder: Bool {
        guard let output, !output.isEmpty, output != "-" else { return false }
        if let kind = FileKind(output) { return kind == .folder }
        return FilePath(output).endsInSlash || (format == nil && FilePath(output).fileExtension.isEmpty)
    }

    /// The images of one photo of many, in the output folder or beside it.
    ///
    /// - Parameter keepingExtension: whether the photo's extension stays in the name, to tell it from another's.
    func jobs(for photo: Photo, keepingExtension: Bool = false) throws -> [Job] {
        guard photo.path != "-" else {
            throw CommandFailure(.usage, "the photo from standard input has no name; give the output's with -o")
        }
        guard FileKind(photo.path) != .other, !["/dev/", "/proc/"].contains(where: photo.path.hasPrefix) else {
            throw CommandFailure(.usage, "the photo from \(photo.path) has no name; give the output's with -o")
        }
        let format = format ?? .png
        // A photo on the web becomes an image in the current folder.
        let name = WebPhoto(photo.path)?.fileName ?? photo.path
        let stem = (keepingExtension ? name : FilePath(name).withoutExtension) + ".cartoon"
        let path = output.map { FilePath($0).appending(FilePath(photo.subfolder).appending(FilePath(stem).name)) }
        return jobs(photo, stem: path ?? stem, fileExtension: format.fileExtension, format)
    }

    private func jobs(_ photo: Photo, stem: String, fileExtension: String, _ format: ImageFormat) -> [Job] {
        seeds.map { seed in
            let name = seeds.count > 1 ? "\(stem)-\(seed)" : stem
            let path = fileExtension.isEmpty ? name : "\(name).\(fileExtension)"
            return Job(photo: photo, seed: seed, destination: .file(path), format: format)
        }
    }

    private func job(_ photo: Photo, _ destination: Destination, _ format: ImageFormat) -> Job {
        Job(photo: photo, seed: seeds[0], destination: destination, format: format)
    }

    private func requireOnePicture(for output: String) throws {
        guard seeds.count == 1 else {
            throw CommandFailure(.usage, "--count writes several images, which \(output) cannot hold; name a file")
        }
    }
}
