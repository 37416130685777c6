import Files
import Foundation

/// What of a plan is left to do, after what manifest and folder say was done.
struct RemainingJobs {
    private(set) var jobs: [Job] = []
    /// Images that an earlier run made with the same settings.
    private(set) var done = 0
    /// Whole images without a line: an earlier run was killed between writing the two.
    private(set) var unrecorded: [ManifestLine] = []
    /// Images of an earlier run that somebody changed since and that are left as they are.
    private(set) var changed: [String] = []
    /// Images that are there and were asked to be left alone.
    private(set) var skipped = 0

    /// - Parameters:
    ///   - jobs: of this process's share.
    ///   - lines: the manifest's, by output; empty for a single photo.
    /// - Throws: `CommandFailure` when images that this run did not make are in the way.
    init(
        _ jobs: [Job], plan: RunPlan, lines: [FilePath: ManifestLine], maker: ImageMaker, force: Bool,
        skipExisting: Bool
    ) throws {
        var inTheWay: [String] = []
        for job in jobs {
            var status = stat()
            // Not `stat`: a symbolic link to nothing exists, too.
            guard let path = job.destination.file, lstat(path, &status) == 0 else {
                self.jobs.append(job)
                continue
            }
            let line = maker.line(of: job, folder: plan.folder)
            let known = lines[line.key]
            if plan.isBatch, let known, known.isSamePicture(as: line) {
                add(job, at: path, maker.condition(of: path, made: known), force: force, skipExisting: skipExisting)
            } else if skipExisting {
                skipped += 1
            } else if plan.isBatch, known == nil || known?.error != nil,
                let found = maker.line(of: job, foundAt: path, folder: plan.folder)
            {
                unrecorded.append(found)
            } else if force {
                self.jobs.append(job)
            } else {
                inTheWay.append(path)
            }
        }
        guard let first = inTheWay.first else { return }
        guard plan.isBatch else { throw Destination.existsFailure(first) }
        let others = inTheWay.count == 1 ? "" : " and \(inTheWay.count - 1) more"
        let verb = inTheWay.count == 1 ? "exists" : "exist"
        throw CommandFailure(
            .output,
            "\(first)\(others) \(verb), made otherwise; give --force to replace, --skip-existing to keep, or another -o"
        )
    }

    /// Adds an image that an earlier run made with the same settings.
    private mutating func add(
        _ job: Job, at path: String, _ condition: ImageMaker.Condition, force: Bool, skipExisting: Bool
    ) {
        switch condition {
        case .asMade: done += 1
        case .changed where force: jobs.append(job)
        case .changed:
            done += 1
            changed.append(path)
        case .damaged where skipExisting: skipped += 1
        case .damaged:
            var job = job
            job.replacesDamaged = true
            jobs.append(job)
        }
    }
}
