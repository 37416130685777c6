/// Says what a run would make, without making it.
struct DryRun {
    let maker: PictureMaker
    let json: Bool

    /// What is said of a picture that would be made.
    private struct Report: Encodable {
        var input: String
        var output: String
        var seed: UInt64
        /// The size to work at.
        var width: Int
        var height: Int
    }

    /// Prints the pictures' names, or JSON objects, and looks at each photo's header.
    ///
    /// - Returns: the number of photos that cannot be used.
    func run(_ jobs: [Job], isBatch: Bool) throws -> Int {
        var failed = 0
        for job in jobs {
            do {
                let size = try maker.sizes(for: job).working
                let report = Report(
                    input: job.photo.path, output: job.destination.name, seed: job.seed, width: size.width,
                    height: size.height)
                try Console.result(json ? report.jsonLine() : report.output)
            } catch let failure as CommandFailure where isBatch {
                failed += 1
                Console.error(failure.message)
            }
        }
        return failed
    }
}
