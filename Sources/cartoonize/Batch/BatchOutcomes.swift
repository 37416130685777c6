import Foundation
import Synchronization

/// Takes the outcome of each image: standard output, manifest, and the counts that end a run.
final class BatchOutcomes: Sendable {
    struct Counts {
        var made = 0
        var failed = 0
    }

    private let plan: RunPlan
    private let manifest: Manifest?
    private let maker: ImageMaker
    private let json: Bool
    private let failFast: Bool
    private let state = Mutex(Counts())
    /// Why standard output takes no more.
    private let outputFailure = Mutex<(any Error)?>(nil)

    init(plan: RunPlan, manifest: Manifest?, maker: ImageMaker, json: Bool, failFast: Bool) {
        self.plan = plan
        self.manifest = manifest
        self.maker = maker
        self.json = json
        self.failFast = failFast
    }

    var counts: Counts { state.withLock { $0 } }

    /// An image is at its destination.
    ///
    /// - Parameter line: the manifest's, begun before the photo was read.
    func made(_ report: RunReport, _ line: ManifestLine) throws {
        state.withLock { $0.made += 1 }
        var line = line
        line.seconds = report.timings.total
        try manifest?.append(line)
        if json {
            print { try StandardStreams.printResult(Joined(maker.settings.generation, report).jsonLine()) }
        } else if report.output != "-" {
            print { try StandardStreams.printPath(report.output) }
        }
    }

    /// Prints unless standard output failed before: images that can no longer be reported are made all the same.
    private func print(_ body: () throws -> Void) {
        outputFailure.withLock { failure in
            guard failure == nil else { return }
            do { try Console.result(body) } catch { failure = error }
        }
    }

    /// Throws what ended the printing, after the work is done. A reader who has left has seen enough.
    func checkOutput() throws {
        guard let failure = outputFailure.withLock({ $0 }), !(failure is ClosedPipe) else { return }
        throw failure
    }

    /// An image of an earlier run had no line yet.
    func found(_ line: ManifestLine) throws {
        try manifest?.append(line)
    }

    /// An image could not be made. Throws what ends the run: any failure of a single photo, in a batch what would be the
    /// same for all.
    func failed(_ line: ManifestLine, _ error: any Error, after time: Duration) throws {
        if error is ClosedPipe { throw error }
        let failure = CommandFailure(describing: error)
        guard plan.isBatch, !failure.stopsBatch else { throw failure }
        state.withLock { $0.failed += 1 }
        Console.error(failure.message)
        var line = line
        line.seconds = time.seconds
        line.error = shortened(failure.message)
        line.exitCode = failure.status.rawValue
        try manifest?.append(line)
        if json {
            let report = FailureReport(
                input: line.input, error: shortened(failure.message), exitCode: failure.status.rawValue)
            print { try StandardStreams.printResult(report.jsonLine()) }
        }
        if failFast {
            var stop = CommandFailure(.incomplete, "stopped at the first failure")
            stop.stopsBatch = true
            throw stop
        }
    }
}
