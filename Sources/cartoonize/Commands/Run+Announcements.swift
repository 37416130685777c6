/// What a person wants to know before waiting.
extension Run {
    /// Announces a batch.
    func announce(_ plan: RunPlan, share: Int, _ remaining: RemainingJobs, seeds: [UInt64]) {
        guard !output.quiet, plan.isBatch || batch.dryRun else { return }
        var parts = [
            batch.shard.map { "shard \($0.index) of \($0.count), \(share) of \(counted(plan.jobs.count, "image"))" }
                ?? counted(share, "image")
        ]
        let done = remaining.done + remaining.unrecorded.count
        if done > 0 { parts.append("\(done) done before") }
        if remaining.skipped > 0 { parts.append("\(remaining.skipped) skipped because they exist") }
        parts.append("\(remaining.jobs.count) to make")
        if search.otherFiles > 0 { parts.append("\(counted(search.otherFiles, "other file")) left out") }
        Console.line(parts.joined(separator: ", "))
        note(
            remaining.jobs.filter(\.replacesDamaged).map(\.destination.name), "damaged; it is made again",
            "damaged; they are made again")
        note(
            remaining.changed, "not as it was made; it stays, and --force makes it again",
            "not as they were made; they stay, and --force makes them again")
        if !remaining.jobs.isEmpty { Console.line(describeSettings(seeds: seeds)) }
        noteOptionsWithoutEffect()
    }

    /// Names what was found of images of earlier runs.
    private func note(_ pictures: [String], _ one: String, _ several: String) {
        guard let first = pictures.first else { return }
        let others = pictures.count == 1 ? "is \(one)" : "and \(pictures.count - 1) more are \(several)"
        Console.line("note: \(first) \(others)")
    }

    /// Announces an image: the only photo's first, and with `--verbose` each.
    func announce(_ job: Job, _ photo: ImageMaker.Prepared, _ plan: RunPlan, _ forecast: Forecast.Picture) {
        let isFirst = job.seed == plan.jobs.first?.seed
        guard !output.quiet, plan.isBatch ? output.verbose : isFirst else { return }
        let settingsText = plan.isBatch ? "" : ", " + describeSettings(seeds: plan.jobs.map(\.seed))
        Console.line("\(job.photo.name): \(photo.sizes.working)\(settingsText)")
        if !plan.isBatch {
            Console.line("\(job.photo.name): \(forecast.summary)")
            noteOptionsWithoutEffect()
        }
        let (working, size) = (photo.sizes.working, photo.picture.size)
        if options.size.size == nil, working.isMuchSmaller(than: size) {
            Console.line(
                "note: the model works at \(working) and brought back to \(size); --max-pixels sets the limit")
        } else if options.size.size == nil, size.isMuchSmaller(than: working) {
            Console.line("note: the photo is small; it is worked at \(working) and brought back to \(size)")
        } else if let note = options.size.note(on: photo.wholeSize, working: working) {
            Console.line("note: " + note)
        }
        if output.verbose, !plan.isBatch {
            Console.line("model \(settings.modelLocation.path), \(settings.threads) threads")
        }
    }

    private func describeSettings(seeds: [UInt64]) -> String {
        let generation = settings.generation
        let guidance = generation.guidance != .off ? "" : ", guidance off (one pass per step)"
        let seedText = seeds.count == 1 ? "seed \(seeds[0])" : "seeds \(seeds[0]) to \(seeds[seeds.count - 1])"
        return "model \(settings.modelName), \(counted(generation.steps, "step")) of \(generation.sampler)\(guidance), "
            + seedText
    }

    private func noteOptionsWithoutEffect() {
        if let understood = settings.understoodInstead {
            Console.line(
                "note: the model knows nothing of what the instruction asks for and makes its usual image; "
                    + "it understands \(understood)")
        }
        for embedding in maker.model.unusedEmbeddings(by: settings.generation) {
            Console.line(
                "note: the embedding \(embedding.name) has no effect: its word, \(embedding.token), is not in the instruction"
                    + (settings.generation.guidance == .off ? "" : " or the negative prompt"))
        }
        if settings.generation.guidance == .off, let ignored = given.withoutEffectUnguided {
            Console.line(
                "note: \(ignored) has no effect: guidance is on only above --guidance 1 with --image-guidance 1 or more"
            )
        }
    }
}
