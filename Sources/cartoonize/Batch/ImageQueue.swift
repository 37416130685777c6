import Files
import Foundation
import ModelHub
import StableDiffusion

/// Makes the images of a run one after the other. While the model works on one, the next photo is read and the image
/// before is encoded and written, each on a thread of its own.
struct ImageQueue {
    let maker: ImageMaker
    let outcomes: BatchOutcomes
    let pipeline: InstructPix2Pix
    let plan: RunPlan
    let output: OutputOptions
    /// Whether images are written that the model's safety checker flags.
    let writesFlagged: Bool
    /// Called with a photo that was read, just before the model works on it: says what the image will take; what it throws is
    /// the image's failure.
    let willMake: (Job, ImageMaker.Prepared) throws -> Forecast.Picture

    /// - Parameter start: when the first image began, its preparations included.
    func make(_ jobs: [Job], progress: inout RunProgress, start: ContinuousClock.Instant) throws {
        let readsAhead = !VirtualMemoryBudget.isLimited
        var (pictureStart, ahead) = (start, jobs.first.map(prepare))
        var writing: Background<Void>?
        for (index, job) in jobs.enumerated() {
            guard let prepared = ahead ?? (readsAhead ? nil : prepare(job)) else { break }
            ahead = readsAhead ? following(index, in: jobs, prepared) : nil
            let line = maker.line(of: job, folder: plan.folder)
            progress.begin(job)
            let outcome = Result {
                let photo = try prepared.value()
                for note in photo.picture.notes { Console.line("note: \(job.photo.name): \(note)") }
                progress.expect(try willMake(job, photo))
                let result = try pipeline.generate(
                    GenerationRequest(image: photo.source, settings: maker.settings.generation, seed: job.seed),
                    preview: preview(of: job, photo),
                    progress: { progress.show($0) })
                if result.safety?.isFlagged == true { try handleFlagged(job) }
                return (photo, result)
            }
            progress.end()
            // What ended the run before this image, if anything, comes first.
            try writing?.value()
            writing = nil
            switch outcome {
            case .success(let (photo, result)):
                writing = write(result, of: job, photo, line, start: pictureStart)
                if !readsAhead { try writing?.value() }
            case .failure(let error):
                try outcomes.failed(line, error, after: pictureStart.duration(to: .now))
            }
            pictureStart = .now
        }
        try writing?.value()
    }

    private func prepare(_ job: Job) -> Background<ImageMaker.Prepared> {
        Background { [maker] in try maker.prepare(job) }
    }

    /// The photo after that of job `index`; several images of one photo share it.
    private func following(
        _ index: Int, in jobs: [Job], _ current: Background<ImageMaker.Prepared>
    ) -> Background<ImageMaker.Prepared>? {
        guard index + 1 < jobs.count else { return nil }
        return FilePath(jobs[index + 1].photo.path) == FilePath(jobs[index].photo.path)
            ? current : prepare(jobs[index + 1])
    }

    private func write(
        _ result: GenerationResult, of job: Job, _ photo: ImageMaker.Prepared, _ line: ManifestLine,
        start: ContinuousClock.Instant
    ) -> Background<Void> {
        let replacing = output.force || job.replacesDamaged
        return Background { [maker, outcomes, plan, verbose = output.verbose] in
            let writeStart = ContinuousClock.now
            var line = line
            do {
                let bytes = try maker.encoded(result.image, of: job, photo)
                try job.destination.write(bytes, replacing: replacing)
                if plan.isBatch { line.recordOutput(at: job.destination.name, sha256: Digest.sha256(of: bytes)) }
            } catch {
                // Another process may have made the same image meanwhile.
                let isThere = plan.isBatch && !replacing && maker.isResult(of: job, at: job.destination.name)
                guard isThere else { return try outcomes.failed(line, error, after: start.duration(to: .now)) }
            }
            let timings = RunReport.Timings(
                result.timings, read: photo.time, write: writeStart.duration(to: .now), total: start.duration(to: .now))
            if verbose { Console.line(timings.summary) }
            try outcomes.made(
                RunReport(
                    input: job.photo.name, output: job.destination.name, model: maker.settings.modelName,
                    seed: job.seed,
                    width: photo.sizes.output.width, height: photo.sizes.output.height,
                    safety: result.safety.map { .init(flagged: $0.isFlagged, score: $0.highest) }, timings: timings),
                line)
        }
    }

    /// Reports an image that the safety checker flags, or throws, so that it is not written; then its previews go, too.
    private func handleFlagged(_ job: Job) throws {
        let flagged = "\(job.photo.name): the model's safety checker finds the image not safe for work"
        guard !writesFlagged else { return Console.line("note: " + flagged) }
        if let interval = output.preview {
            for step in stride(from: interval, through: maker.settings.generation.steps, by: interval) {
                unlink(job.previewDestination(step: step).name)
            }
        }
        throw CommandFailure(
            .flagged,
            flagged + ", so it is not written; try another --seed or instruction, or write it with --safety report")
    }

    private func preview(of job: Job, _ photo: ImageMaker.Prepared) -> Preview? {
        guard let interval = output.preview else { return nil }
        return Preview(interval: interval) { step, picture in
            let parameters = maker.parameters(seed: job.seed, working: photo.sizes.working)
            let shown = photo.picture.finished(
                picture, size: photo.sizes.output, format: .png, parameters: parameters)
            try job.previewDestination(step: step).write(shown.png(), replacing: true)
        }
    }
}

extension Job {
    /// Where the approximate image after so many steps goes.
    func previewDestination(step: Int) -> Destination {
        .file("\(FilePath(destination.name).withoutExtension).step-\(step).png")
    }
}
