import Files
import Foundation

extension Run {
    /// Makes images of a folder's photos as they appear, until a signal ends the program or the folder is gone.
    mutating func watch() throws {
        defer { progress.finish() }
        let folder = options.photo[0]
        var watch = FolderWatch()
        watch.add(folder)
        let (first, seeds, opened) = try settledPlan()
        guard let manifest = opened else { return }
        try confine(to: first)
        let outcomes = BatchOutcomes(plan: first, manifest: manifest, maker: maker, json: output.json, failFast: false)
        TerminationSignals.startCleaning { [quiet = output.quiet] in
            manifest.removeIfEmpty()
            let counts = outcomes.counts
            if !quiet { Console.line("\(counted(counts.made, "image")) made, \(counts.failed) failed") }
            return counts.failed > 0 ? ExitStatus.incomplete.rawValue : ExitStatus.success.rawValue
        }
        removeLeftovers(of: first.jobs, first, manifest)
        let lines = Manifest.lines(in: first.manifestFolder)
        let queue = try makeQueue(first, outcomes, pictures: 1)
        progress.finish()
        if !output.quiet { Console.line("watching \(folder); Ctrl-C stops") }

        // In the order of their coming, so that a later photo takes no name of an earlier one.
        var photos: [Photo] = []
        var handled: [FilePath: FolderWatch.State] = [:]
        while FileKind(folder) == .folder {
            let found = try PhotoSearch(options.photo, options: batch, mayBeEmpty: true).photos
            Set(found.map { FilePath(FilePath($0.path).folder) }).forEach { watch.add($0.string) }
            let new = found.filter { photo in
                handled[FilePath(photo.path)] != FolderWatch.State(photo.path) && watch.isComplete(photo.path)
            }
            let known = Set(photos.map { FilePath($0.path) })
            photos += new.filter { !known.contains(FilePath($0.path)) }
            for photo in new {
                handled[FilePath(photo.path)] = FolderWatch.State(photo.path)
                watch.forget(photo.path)
                do {
                    try make(photo, of: photos, seeds: seeds, lines, outcomes, queue)
                } catch let failure as CommandFailure where !failure.stopsBatch {
                    Console.error(failure.message)
                }
            }
            try outcomes.checkOutput()
            watch.wait()
        }
        throw CommandFailure(.input, "the folder \(folder) is gone")
    }

    /// Makes what is left to make of one photo.
    private mutating func make(
        _ photo: Photo, of photos: [Photo], seeds: [UInt64], _ lines: [FilePath: ManifestLine],
        _ outcomes: BatchOutcomes,
        _ queue: ImageQueue
    ) throws {
        let naming = OutputNaming(output: output.output, format: output.format, seeds: seeds)
        /// The path up to the first dot of the file's name, with which all names that its image may get begin.
        func root(_ photo: Photo) -> FilePath {
            let path = FilePath(photo.path)
            return FilePath(FilePath(path.folder).appending(String(path.name.prefix { $0 != "." })))
        }
        // Of the others, only those whose images might want the same name matter.
        let wanted = root(photo)
        let namesakes = photos.filter { root($0) == wanted }
        let plan = try RunPlan(
            search: PhotoSearch(found: namesakes), naming: naming, arguments: options.photo, isShared: false)
        let jobs = plan.jobs.filter { FilePath($0.photo.path) == FilePath(photo.path) }
        let remaining = try RemainingJobs(
            jobs, plan: plan, lines: lines, maker: maker, force: output.force, skipExisting: output.skipExisting)
        try remaining.unrecorded.forEach { try outcomes.found($0) }
        guard !remaining.jobs.isEmpty else { return }
        progress.start(pictures: remaining.jobs.count, isBatch: true)
        try queue.make(remaining.jobs, progress: &progress, start: .now)
        progress.finish()
    }
}
