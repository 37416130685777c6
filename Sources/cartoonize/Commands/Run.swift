import Files
import Foundation
import StableDiffusion
import TensorKernels

/// One run of the program, of one photo or of a batch: plan, make, report. Everything that can be wrong with the arguments
/// is found before the first weight is read.
struct Run {
    let options: CartoonizeImage
    private let start: ContinuousClock.Instant
    let search: PhotoSearch
    let given: GivenSettings
    let maker: ImageMaker
    /// What is added to the model.
    let additions: FoundAdditions
    var progress: RunProgress

    var output: OutputOptions { options.output }
    var batch: BatchOptions { options.batch }
    private var generation: GenerationOptions { options.generation }
    var settings: Settings { maker.settings }

    /// Finds the photos and the model, and settles what to do with them.
    ///
    /// - Parameter mayBeEmpty: whether there may be no photos yet.
    init(options: CartoonizeImage, start: ContinuousClock.Instant, mayBeEmpty: Bool = false) throws {
        self.options = options
        self.start = start
        let threads = min(options.generation.threads ?? .max, Compute.availableThreads)
        try VirtualMemoryBudget.require(VirtualMemoryBudget.ownBytes(threads: threads), for: "the program itself")
        let environment = ProcessInfo.processInfo.environment
        let style = ProgressDisplay.style(quiet: options.output.quiet, environment: environment)
        let first = options.photo.first.map(WebPhoto.shown)
        progress = RunProgress(style: style, label: (first ?? options.batch.filesFrom) ?? "")
        let naming = OutputNaming(output: options.output.output, format: options.output.format, seeds: [])
        search = try PhotoSearch(
            options.photo, options: options.batch, intoFolder: naming.isFolder, mayBeEmpty: mayBeEmpty)
        try Self.confine(options, search)
        if search.photos.count == 1, !search.isBatch || FileKind(search.photos[0].path) == nil {
            try InputFile.checkStart(of: search.photos[0].path)
        }
        given = try GivenSettings(options.generation) { try InputFile(path: $0).header().parameters }
        let requested = given.model ?? environment["CARTOONIZE_MODEL"].flatMap { $0.isEmpty ? nil : $0 }
        let models = ModelSearch.forThisProcess()
        let found = try models.locate(requested)
        additions = try options.weights.found(models, for: found, madeWith: given)
        let whole = try additions.applied(to: found, models)
        let model = options.safety.safety == .off ? whole.withoutSafetyChecker() : whole
        try options.size.check(model: model)
        // Headers only: a tensor that the last stage misses is not found at the end of a long run.
        do {
            _ = try ModelSurvey(model)
        } catch  where model.checksSafety && (try? ModelSurvey(model.withoutSafetyChecker())) != nil {
            var failure = CommandFailure(describing: error)
            failure.message += "; it is that of the safety checker, and --safety off goes without"
            throw failure
        }
        if !options.output.quiet {
            for note in additions.notes + model.notes { Console.line("note: \(note)") }
            if let safety = options.safety.safety, !whole.checksSafety {
                Console.line("note: --safety \(safety.rawValue) has no effect: the model has no safety checker")
            }
        }
        if found.origin == .file, !options.output.quiet {
            Console.line(
                "note: \(found.location.path) starts faster and takes less memory once converted: cartoonize convert")
        }
        maker = ImageMaker(
            model: model,
            settings: try Settings(given, threads: options.generation.threads, model: model, found: found),
            size: options.size, output: options.output)
    }

    mutating func perform() throws {
        defer { progress.finish() }
        let (plan, seeds, manifest) = try settledPlan()
        try confine(to: plan)
        TerminationSignals.startCleaning()
        let share = batch.shard.map { $0.share(of: plan.jobs) } ?? plan.jobs
        let remaining = try RemainingJobs(
            share, plan: plan, lines: plan.isBatch ? Manifest.lines(in: plan.manifestFolder) : [:], maker: maker,
            force: output.force, skipExisting: output.skipExisting)
        announce(plan, share: share.count, remaining, seeds: seeds)
        if batch.dryRun { return try dryRun(remaining.jobs, plan) }

        // Also of images that are done: a kill may come between an image's name and the end of its temporary one.
        removeLeftovers(of: share, plan, manifest)
        let outcomes = BatchOutcomes(
            plan: plan, manifest: manifest, maker: maker, json: output.json, failFast: batch.failFast)
        try remaining.unrecorded.forEach { try outcomes.found($0) }
        try make(remaining.jobs, plan, outcomes)
        try manifest?.finish(
            order: share.map {
                FilePath(ManifestLine.relativeName($0.destination.name, to: plan.folder))
            })
        if output.gallery {
            let path = FilePath(plan.folder).appending(Gallery.name)
            let count = try Gallery(instruction: settings.generation.instruction).write(plan.jobs, to: path)
            if !output.quiet { Console.line("\(path): \(counted(count, "photo")) before and after") }
        }
        try conclude(outcomes.counts, plan, manifest)
        try outcomes.checkOutput()
    }

    /// Decides names and seeds, checks them, and for a batch that is to be made opens the manifest and stores the seed.
    func settledPlan() throws -> (RunPlan, seeds: [UInt64], Manifest?) {
        func plan(_ seed: UInt64) throws -> (RunPlan, [UInt64]) {
            let seeds = generation.seeds(from: seed)
            let naming = OutputNaming(output: output.output, format: output.format, seeds: seeds)
            let plan = try RunPlan(
                search: search, naming: naming, arguments: options.photo, isShared: batch.shard != nil)
            return (plan, seeds)
        }
        var seed = given.seed ?? GenerationOptions.randomSeed()
        var (settled, seeds) = try plan(seed)
        try maker.check(settled.jobs.first?.format ?? output.format ?? .png)
        let folder = settled.manifestFolder
        if settled.isBatch, given.seed == nil, let stored = try BatchSeed.stored(in: folder) {
            seed = stored
            (settled, seeds) = try plan(seed)
        }
        try settled.checkDestinations()
        guard settled.isBatch, !batch.dryRun else { return (settled, seeds, nil) }
        for folder in [settled.folder, folder] {
            do {
                try makeFolder(folder)
            } catch {
                throw CommandFailure(writing: folder, error)
            }
        }
        let manifest = try Manifest(folder: folder, shard: batch.shard)
        if given.seed == nil {
            let agreed = try BatchSeed.agreed(seed, in: folder)
            if agreed != seed { (settled, seeds) = try plan(agreed) }
        }
        return (settled, seeds, manifest)
    }

    private mutating func make(_ jobs: [Job], _ plan: RunPlan, _ outcomes: BatchOutcomes) throws {
        guard !jobs.isEmpty else { return }
        let queue = try makeQueue(plan, outcomes, pictures: jobs.count)
        progress.start(pictures: jobs.count, isBatch: plan.isBatch)
        try queue.make(jobs, progress: &progress, start: start)
    }

    /// Opens the model for images to come.
    func makeQueue(_ plan: RunPlan, _ outcomes: BatchOutcomes, pictures: Int) throws -> ImageQueue {
        let compute = try makeCompute()
        if generation.memory == .low { compute.weightPages = .released }
        let pipeline = try InstructPix2Pix(model: maker.model, compute: compute)
        let forecast = forecast(
            on: compute, pictures: pictures, timing: output.quiet || plan.isBatch ? .none : .beforeRun)
        return ImageQueue(
            maker: maker, outcomes: outcomes, pipeline: pipeline, plan: plan, output: output,
            writesFlagged: options.safety.safety == .report,
            willMake: { [self] job, photo in
                let picture = try forecast.picture(
                    PictureMemory(
                        photo: photo.picture.size, working: photo.sizes.working, output: photo.sizes.output,
                        hasAlpha: photo.picture.hasAlpha, hasProfile: photo.picture.hasProfile,
                        isCompared: maker.compare))
                // Room for more tensors can only be made while there are none.
                if compute.capacityBytes < picture.reservedBytes { pipeline.residency = .stage }
                compute.reserve(bytes: picture.reservedBytes)
                (pipeline.residency, pipeline.keptTensorBytes) = (picture.residency, picture.keptTensorBytes)
                announce(job, photo, plan, picture)
                return picture
            })
    }

    private func makeCompute() throws -> Compute {
        let compute = Compute(threads: settings.threads, kernels: try .chosen(settings.generation.precision))
        if settings.isHalfRefused, !output.quiet {
            Console.line("note: full precision instead of half: these kernels do not multiply bfloat16 (AVX512_BF16)")
        }
        let wanted = generation.threads ?? settings.threads
        if output.verbose, compute.threads < wanted {
            let processors =
                Compute.availableThreads == 1 ? "is one processor" : "are \(Compute.availableThreads) processors"
            let reason =
                compute.threads < settings.threads ? "the system starts no more" : "there \(processors) to run on"
            Console.line("note: \(counted(compute.threads, "thread")) instead of \(wanted): \(reason)")
        }
        return compute
    }

    private func forecast(on compute: Compute, pictures: Int, timing: Forecast.Timing) -> Forecast {
        Forecast(
            model: maker.model, settings: settings, use: generation.memory, compute: compute, pictures: pictures,
            timing: timing)
    }

    func removeLeftovers(of jobs: [Job], _ plan: RunPlan, _ manifest: Manifest?) {
        var paths = jobs.compactMap(\.destination.file)
        if let interval = output.preview {
            paths += jobs.flatMap { job in
                stride(from: interval, through: settings.generation.steps, by: interval).map {
                    job.previewDestination(step: $0).name
                }
            }
        }
        if let manifest { paths.append(manifest.path) }
        if plan.isBatch {
            paths += [
                FilePath(plan.folder).appending(Gallery.name), FilePath(plan.manifestFolder).appending(BatchSeed.name),
            ]
        }
        TemporaryPaths.removeLeftovers(of: paths)
    }

    private func dryRun(_ jobs: [Job], _ plan: RunPlan) throws {
        let compute = try makeCompute()
        let dryRun = DryRun(
            maker: maker, json: output.json, quiet: output.quiet,
            forecast: forecast(on: compute, pictures: jobs.count, timing: .alone))
        let failed = try dryRun.run(jobs, isBatch: plan.isBatch)
        if failed > 0 {
            throw CommandFailure(.incomplete, "\(failed) of \(counted(jobs.count, "image")) could not be made")
        }
    }

    /// The last line of a batch, and the status of one with failures.
    private func conclude(_ counts: BatchOutcomes.Counts, _ plan: RunPlan, _ manifest: Manifest?) throws {
        guard plan.isBatch, let manifest else { return }
        if counts.failed > 0 {
            throw CommandFailure(
                .incomplete,
                "\(counts.failed) of \(counted(counts.made + counts.failed, "image")) failed; see \(manifest.path)")
        }
        if !output.quiet {
            let time = ProgressDisplay.clock(start.duration(to: .now))
            guard counts.made > 0 else { return Console.line("nothing was left to make") }
            Console.line("\(counted(counts.made, "image")) made in \(time); see \(manifest.path)")
        }
    }
}
