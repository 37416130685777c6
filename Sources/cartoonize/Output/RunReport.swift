import Files
import Foundation
import StableDiffusion

/// What `--json` prints for an image beside the settings; times are in seconds.
struct RunReport: Encodable {
    var input: String
    var output: String
    var model: String
    var seed: UInt64
    var width: Int
    var height: Int
    var peakRssBytes = ProcessStatus.peakResidentBytes
    /// What the model's safety checker says; nil where none was run.
    var safety: Safety?
    var timings: Timings

    struct Safety: Encodable {
        var flagged: Bool
        /// By how much the image is nearer to the nearest concept than it may be; below zero if to none.
        var score: Float
    }

    struct Timings: Encodable {
        /// The photo: reading, decoding, bringing it to the size worked at.
        var read: Double
        var load: Double
        var text: Double
        var encode: Double
        /// The median of one denoising step.
        var step: Double
        var decode: Double
        /// Looking at the image with the model's safety checker; nil where none was run.
        var safety: Double?
        /// The image: bringing it to its size, encoding, writing.
        var write: Double
        /// From the start, or the end of the image before, to the end. In a batch, photos are read and images written
        /// beside the model's work on others.
        var total: Double
    }
}

extension RunReport.Timings {
    init(_ stages: StageTimings, read: Duration, write: Duration, total: Duration) {
        let steps = stages.steps.sorted()
        self.init(
            read: read.seconds, load: stages.load, text: stages.text, encode: stages.encode,
            step: steps.isEmpty ? 0 : (steps[(steps.count - 1) / 2] + steps[steps.count / 2]) / 2,
            decode: stages.decode, safety: stages.safety > 0 ? stages.safety : nil, write: write.seconds,
            total: total.seconds)
    }

    /// One line for a person.
    var summary: String {
        let stages: [(String, Double?)] = [
            ("read", read), ("load", load), ("text", text), ("encode", encode), ("step", step), ("decode", decode),
            ("safety", safety), ("write", write), ("total", total),
        ]
        return stages.compactMap { name, time in time.map { String(format: "\(name) %.3f s", $0) } }
            .joined(separator: ", ")
    }
}

/// What `--json` prints for a failure.
struct FailureReport: Encodable {
    var input: String
    var error: String
    var exitCode: Int32
}
