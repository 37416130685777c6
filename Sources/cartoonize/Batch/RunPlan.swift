import Files
import Foundation
import ImageCodecs

/// All images of a run, one photo's or a batch's, with their names decided and checked before anything is made.
struct RunPlan {
    let jobs: [Job]
    /// Whether failures are counted rather than final, and a manifest is kept.
    let isBatch: Bool
    /// What the manifest's names of images start from, and where the gallery is.
    let folder: String
    /// Where a batch's manifest and seed are.
    let manifestFolder: String

    /// - Parameters:
    ///   - arguments: the photos' names as given, for the folder of a batch without `--output`.
    ///   - isShared: whether other processes, perhaps on other machines, make parts of the batch.
    init(search: PhotoSearch, naming: OutputNaming, arguments: [String], isShared: Bool) throws {
        isBatch = search.isBatch
        guard search.isBatch else {
            jobs = try naming.jobs(forOnly: search.photos[0])
            folder = jobs[0].destination.file.map { FilePath($0).folder } ?? "."
            manifestFolder = folder
            return
        }
        if let output = naming.output {
            guard output != "-",
                FileKind(output) == .folder
                    || ImageFormat(fileExtension: FilePath(output).fileExtension)?.isWritten != true
            else {
                throw CommandFailure(.usage, "several photos need a folder for their images; give one with -o")
            }
            guard FileKind(output) == .folder || FileKind(output) == nil else {
                throw CommandFailure(.output, "the output \(output) exists and is not a folder")
            }
        }
        let onlyFolder = arguments.count == 1 && FileKind(arguments[0]) == .folder ? arguments[0] : nil
        folder = naming.output ?? onlyFolder ?? "."
        manifestFolder = naming.output == nil && !isShared ? StateFolder.ofThisUser(for: folder) ?? folder : folder
        jobs = try Self.distinctJobs(search.photos, naming)
    }

    /// The jobs of all photos. Of two photos whose images would have one name, such as `a.jpg` and `a.cr2`, the second's
    /// keeps its extension in the name.
    ///
    /// Throws when that does not tell them apart.
    private static func distinctJobs(_ photos: [Photo], _ naming: OutputNaming) throws -> [Job] {
        var taken: [FilePath: String] = [:]
        var conflicts: [(first: String, second: String, output: String)] = []
        let jobs = try photos.flatMap { photo in
            var jobs = try naming.jobs(for: photo)
            func place(_ job: Job) -> FilePath { FilePath(FilePath(job.destination.name).simplified) }
            if jobs.contains(where: { taken[place($0)] != nil }) {
                jobs = try naming.jobs(for: photo, keepingExtension: true)
            }
            for job in jobs {
                guard let first = taken.updateValue(photo.name, forKey: place(job)) else { continue }
                conflicts.append((first, photo.name, job.destination.name))
            }
            return jobs
        }
        guard let conflict = conflicts.first else { return jobs }
        let pairs = conflicts.dropFirst().prefix(10).map { ", \($0.first) and \($0.second) \($0.output)" }.joined()
        let more = conflicts.count > 11 ? ", and \(conflicts.count - 11) more pairs" : ""
        throw CommandFailure(
            .output,
            "\(conflict.first) and \(conflict.second) would both become \(conflict.output)\(pairs)\(more); "
                + "rename one of each, or give folders of their own with -o")
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
        if isBatch { places.formUnion([FilePath(folder), FilePath(manifestFolder)]) }
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
