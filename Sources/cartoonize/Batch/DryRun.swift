import StableDiffusion

/// Says what a run would make and take, without making it.
struct DryRun {
    let maker: ImageMaker
    let json: Bool
    let quiet: Bool
    let forecast: Forecast

    /// What is said of an image that would be made.
    private struct Report: Encodable {
        var input: String
        var output: String
        var seed: UInt64
        /// The size to work at.
        var width: Int
        var height: Int
        /// What it is predicted to take.
        var seconds: Double?
        var timings: Timings?
        /// Thousand million floating-point operations of its products.
        var gflop: Double
        var peakRssBytes: Int

        struct Timings: Encodable {
            var text: Double
            var encode: Double
            var step: Double
            var decode: Double
        }
    }

    /// Prints the images' names, or JSON objects, and looks at each photo's header; then says what all would take.
    ///
    /// - Returns: the number of images that cannot be made.
    func run(_ jobs: [Job], isBatch: Bool) throws -> Int {
        var (failed, seconds, peakBytes) = (0, 0.0, 0)
        for job in jobs {
            do {
                let photo = try maker.header(of: job)
                let size = PixelSize(width: photo.width, height: photo.height)
                let sizes = try maker.sizes(for: job, photo: size)
                // The header says nothing of a profile.
                let picture = try forecast.picture(
                    PictureMemory(
                        photo: size, working: sizes.working, output: sizes.output, hasAlpha: photo.hasAlpha,
                        hasProfile: false, isCompared: maker.compare))
                seconds += picture.seconds ?? 0
                peakBytes = max(peakBytes, picture.peakBytes)
                let report = Report(
                    input: job.photo.name, output: job.destination.name, seed: job.seed, width: sizes.working.width,
                    height: sizes.working.height, seconds: picture.seconds,
                    timings: picture.stages.map {
                        Report.Timings(text: $0.text, encode: $0.encode, step: $0.step, decode: $0.decode)
                    },
                    gflop: picture.operations / 1e9, peakRssBytes: picture.peakBytes)
                try Console.result {
                    if json {
                        try StandardStreams.printResult(report.jsonLine())
                    } else {
                        try StandardStreams.printPath(report.output)
                    }
                }
            } catch let failure as CommandFailure where isBatch {
                failed += 1
                Console.error(failure.message)
            }
        }
        if !quiet, peakBytes > 0 {
            Console.line(
                "\(counted(jobs.count - failed, "image")): "
                    + Forecast.summary(seconds: seconds > 0 ? seconds : nil, peakBytes: peakBytes))
        }
        return failed
    }
}
