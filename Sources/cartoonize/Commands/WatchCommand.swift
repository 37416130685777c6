import ArgumentParser
import Files

/// Makes images of a folder's photos as they appear.
struct WatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Make images of a folder's photos, now and as new ones appear.",
        usage: "cartoonize watch <folder> -o <folder> [options]",
        discussion: """
            For scanners, photo booths and shared folders. A photo is taken once it is complete. Ctrl-C and SIGTERM stop \
            with nothing half-made, and status 0, or 6 if images failed; the same command goes on later.

              cartoonize watch scans/ -o toons/
            """)

    @OptionGroup var image: CartoonizeImage

    func validate() throws {
        let (photos, output, batch) = (image.photo, image.output, image.batch)
        guard photos.count == 1, FileKind(photos[0]) == .folder else {
            throw ValidationError("watch takes one folder that exists")
        }
        guard let pictures = output.output, pictures != "-", FileKind(pictures) == .folder || FileKind(pictures) == nil
        else { throw ValidationError("watch needs a folder for the images; give one with -o") }
        guard batch.filesFrom == nil, batch.shard == nil, !batch.dryRun, !batch.failFast, !output.gallery else {
            throw ValidationError(
                "watch goes without --files-from, --shard, --dry-run, --fail-fast and --gallery")
        }
        let isInside =
            FilePath(FilePath(pictures).simplified).relative(to: FilePath(FilePath(photos[0]).simplified)) != nil
        guard FileIdentity(pictures) == nil || FileIdentity(pictures) != FileIdentity(photos[0]),
            !(batch.recursive && isInside)
        else {
            throw ValidationError("watch needs a folder for the images that it does not watch; give another with -o")
        }
    }

    func run() throws {
        try describingFailures {
            var run = try Run(options: image, start: .now, mayBeEmpty: true)
            try run.watch()
        }
    }
}
