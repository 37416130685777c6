import Files
import Foundation
import ImageCodecs

/// All pictures of a run, one photo's or a batch's, with their names decided and checked before anything is made.
struct RunPlan {
    let jobs: [Job]
    /// Whether failures are counted rather than final, and a manifest is kept.
    let isBatch: Bool
    /// Where a batch's manifest and gallery are.
    let folder: String

    /// - Parameter arguments: the photos' names as given, for the folder of a batch without `--output`.
    init(search: PhotoSearch, naming: OutputNaming, arguments: [String]) throws {
        isBatch = search.isBatch
        guard search.isBatch else {
            jobs = try naming.jobs(forOnly: search.photos[0])
            folder = jobs[0].destination.file.map { FilePath($0).folder } ?? "."
            return
        }
        if let output = naming.output {
            guard output != "-",
                FileKind(output) == .folder
                    || ImageFormat(fileExtension: FilePath(output).fileExtension)?.isWritten != true
            else {
                throw CommandFailure(.usage, "several photos need a folder for their pictures; give one with -o")
            }
            guard FileKind(output) == .folder || FileKind(output) == nil else {
                throw CommandFailure(.output, "the output \(output) exists and is not a folder")
            }
        }
        let onlyFolder = arguments.count == 1 && FileKind(arguments[0]) == .folder ? arguments[0] : nil
        folder = naming.output ?? onlyFolder ?? "."
        jobs = try Self.distinctJobs(search.photos, naming)
    }

    /// The jobs of all photos. Of two photos whose pictures would have one name, such as `a.jpg` and `a.cr2`, the second's
    /// keeps its extension in the name.
    ///
    /// Throws when that does not tell them apart.
    private static func distinctJobs(_ photos: [Photo], _ naming: OutputNaming) throws -> [Job] {
        var taken: [FilePath: String] = [:]
        return try photos.flatMap { photo in
            var jobs = try naming.jobs(for: photo)
            func place(_ job: Job) -> FilePath { FilePath(FilePath(job.destination.name).simplified) }
            if jobs.contains(where: { taken[place($0)] != nil }) {
                jobs = try naming.jobs(for: photo, keepingExtension: true)
            }
            for job in jobs {
                guard let first = taken.updateValue(photo.name, forKey: place(job)) else { continue }
                throw CommandFailure(
                    .output, "\(first) and \(photo.name) would both become \(job.destination.name); rename one")
            }
            return jobs
        }
    }

    /// Throws when a destination could not be written or is one of the inputs.
    func checkDestinations() throws {
        var inputs: Set<FileIdentity> = []
        for job in jobs {
            if let identity = job.photo.path == "-"
                ? FileIdentity(descriptor: STDIN_FILENO) : FileIdentity(job.photo.path)
            {
                inputs.insert(identity)
            }
        }
        var folders: Set<FilePath> = []
        for job in jobs {
            guard let path = job.destination.file else { continue }
            if let existing = FileIdentity(path), inputs.contains(existing) {
                let role = isBatch ? "one of the inputs" : "the input itself"
                throw CommandFailure(.output, "the output \(path) is \(role); name another with -o")
            }
            if let kind = FileKind(path), kind != .file {
                throw CommandFailure(.output, "the output \(path) exists and is not a file; name another with -o")
            }
            let folder = FilePath(path).folder
            if folders.insert(FilePath(folder)).inserted { try checkFolder(folder) }
        }
        if isBatch { try checkFolder(folder) }
    }

    /// The folders and devices that are written to.
    var writtenPlaces: [String] {
        var places: Set<FilePath> = []
        if isBatch { places.insert(FilePath(folder)) }
        for job in jobs {
            switch job.destination {
            case .standardOutput: break
            case .file(let path): places.insert(FilePath(FilePath(path).folder))
            case .device(let path): places.insert(FilePath(path))
            }
        }
        return places.map(\.string)
    }

    private func checkFolder(_ folder: String) throws {
        var existing = folder
        // A batch makes the folders that are missing.
        while isBatch, FileKind(existing) == nil, existing != ".", existing != "/" {
            existing = FilePath(existing).withoutLastSlash.folder
        }
        guard FileKind(existing) == .folder else {
            throw CommandFailure(.output, "there is no folder \(existing) for the output")
        }
        guard access(existing, W_OK | X_OK) == 0 else {
            throw CommandFailure(.output, "cannot write into the folder \(existing): \(systemMessage(errno))")
        }
    }
}
