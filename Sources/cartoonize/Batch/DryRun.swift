import StableDiffusion

/// Says what a run would make and take, without making it.
struct DryRun {
    let maker: PictureMaker
    let json: Bool
    let quiet: Bool
    let forecast: Forecast

    /// What is said of a picture that would be made.
    private struct Report: Encodable {
        var input: String
        var output: String
        var seed: UInt64
        /// The size to work at.
        var width: Int
        var height: Int
        /// What it is predicted to take.
        var seconds: Double?
        var peakRssBytes: Int
    }

    /// Prints the pictures' names, or JSON objects, and looks at each photo's header; then says what all would take.
    ///
    /// - Returns: the number of pictures that cannot be made.
    func run(_ jobs: [Job], isBatch: Bool) throws -> Int {
        var (failed, total) = (0, Forecast.Picture(seconds: 0, peakBytes: 0, residency: .stage))
        for job in jobs {
            do {
                let photo = try maker.photoSize(of: job)
                let size = try maker.sizes(for: job, photo: photo).working
                let picture = try forecast.picture(size, photo: photo)
                total.seconds = (total.seconds ?? 0) + (picture.seconds ?? 0)
                total.peakBytes = max(total.peakBytes, picture.peakBytes)
                let report = Report(
                    input: job.photo.path, output: job.destination.name, seed: job.seed, width: size.width,
                    height: size.height, seconds: picture.seconds, peakRssBytes: picture.peakBytes)
                try Console.result(json ? report.jsonLine() : report.output)
            } catch let failure as CommandFailure where isBatch {
                failed += 1
                Console.error(failure.message)
            }
        }
        if !quiet, total.peakBytes > 0 { Console.line("\(counted(jobs.count - failed, "picture")): \(total.summary)") }
        return failed
    }
}
