import ArgumentParser
import Foundation
import ImageCodecs
import StableDiffusion
import TensorKernels

/// The command that needs no name: one photo in, one or more pictures out.
struct CartoonizeImage: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Turn a photo into a cartoon, or into what an instruction says.",
        usage: "cartoonize <photo> [-o <output>] [-i <instruction>] [options]",
        discussion: """
            Without --output, photo.jpg becomes photo.cartoon.png beside it. Standard output gets the paths that were \
            written (or the picture with '-o -', or JSON with --json), standard error everything else.

              cartoonize photo.jpg
              cartoonize photo.jpg -o sketch.png -i "Turn it into a pencil sketch"
              curl -s https://example.org/photo.jpg | cartoonize - -o - > cartoon.png
            """)

    @Argument(help: "The photo, a PNG or JPEG file; '-' for standard input.", completion: .file())
    var photo: String

    @OptionGroup(title: "What to make")
    var generation: GenerationOptions

    @OptionGroup(title: "Size")
    var size: SizeOptions

    @OptionGroup(title: "Output")
    var output: OutputOptions

    func run() throws {
        let start = ContinuousClock.now
        do {
            try cartoonize(start: start)
        } catch is ClosedPipe {
            throw ClosedPipe()
        } catch {
            let failure = CommandFailure(describing: error)
            if output.json {
                let report = FailureReport(
                    input: photo, error: failure.message, exitCode: failure.status.rawValue)
                try StandardStreams.printResult(report.jsonLine())
            }
            throw failure
        }
    }

    /// Everything that can be wrong is found before the first weight is read.
    private func cartoonize(start: ContinuousClock.Instant) throws {
        let environment = ProcessInfo.processInfo.environment
        let style = ProgressDisplay.style(quiet: output.quiet, environment: environment)
        var display = ProgressDisplay(style: style, label: photo)
        defer { display.finish() }
        display.phase("checking")

        let seeds = generation.seeds()
        let plan = try OutputPlan(
            input: photo, output: output.output, format: output.format, seeds: seeds, replacing: output.force)
        try output.checkQuality(for: plan.format)
        let file = try InputFile(path: photo)
        try plan.check(input: file)
        let requested = generation.model ?? environment["CARTOONIZE_MODEL"].flatMap { $0.isEmpty ? nil : $0 }
        let search = ModelSearch.forThisProcess()
        let found = try search.locate(requested)
        let model = try found.directory(search)
        let picture = try InputPicture(file)
        let settings = try Settings(options: generation, model: model, found: found)
        let sizes = try size.sizes(input: picture.size, model: model)

        try plan.check(size: sizes.output)

        if found.origin == .file, !output.quiet {
            Console.line(
                "note: \(found.location.path) starts faster and takes less memory once converted: cartoonize convert")
        }
        announce(settings: settings, seeds: seeds, input: picture.size, sizes: sizes)
        let pipeline = try InstructPix2Pix(model: model, compute: Compute(threads: settings.threads))
        let source = picture.pixels(size: sizes.working)
        for (index, (seed, destination)) in zip(seeds, plan.destinations).enumerated() {
            let pictureStart = index == 0 ? start : .now
            if seeds.count > 1 {
                display = ProgressDisplay(style: style, label: "\(photo) (\(index + 1) of \(seeds.count))")
            }
            let result = try pipeline.generate(
                settings.request(image: source, seed: seed), progress: { display.show($0) })
            let finished = picture.finished(
                result.image, size: sizes.output, format: plan.format,
                parameters: settings.parameters(seed: seed, size: sizes.working).text)
            let encoded = try plan.format.encode(finished, quality: output.quality ?? OutputOptions.defaultQuality)
            display.finish()
            try plan.write(encoded, to: destination)
            let timings = RunReport.Timings(result.timings, total: pictureStart.duration(to: .now))
            if output.verbose { Console.line(timings.summary) }
            try report(
                RunReport(
                    input: photo, output: destination.name, settings: settings, seed: seed, size: sizes.output,
                    timings: timings))
        }
    }

    /// What a person wants to know before waiting.
    private func announce(
        settings: Settings, seeds: [UInt64], input: PixelSize, sizes: (working: PixelSize, output: PixelSize)
    ) {
        guard !output.quiet else { return }
        let guidance = settings.guidanceIsOn ? "" : ", guidance off (one pass a step)"
        let seedText =
            seeds.count == 1 ? "seed \(seeds[0])" : "seeds \(seeds[0]) to \(seeds[0] + UInt64(seeds.count - 1))"
        Console.line(
            "\(photo): \(sizes.working), model \(settings.modelName), \(settings.steps) steps of \(settings.sampler.rawValue)"
                + "\(guidance), \(seedText)")
        if !settings.guidanceIsOn, let ignored = generation.optionsWithoutEffectUnguided() {
            Console.line(
                "note: \(ignored) has no effect: guidance is on only above --guidance 1 with --image-guidance 1 or more"
            )
        }
        if size.size == nil, sizes.working.isMuchSmaller(than: input) {
            Console.line(
                "note: the picture is worked at \(sizes.working) and brought back to \(input); --max-pixels sets the limit"
            )
        }
        if output.verbose {
            Console.line("model \(settings.modelLocation.path), \(settings.threads) threads")
        }
    }

    private func report(_ report: RunReport) throws {
        if output.json {
            try StandardStreams.printResult(report.jsonLine())
        } else if report.output != "-" {
            try StandardStreams.printResult(report.output)
        }
    }
}
