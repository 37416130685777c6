import ArgumentParser
import Checkpoints
import Foundation
import ModelHub
import StableDiffusion
import TensorKernels

/// Checks a model from its files' checksums to what its parts compute.
struct VerifyCommand: ParsableCommand {
    /// The figures beside a model.
    static let figuresName = "probe.json"

    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check a model: files, tensors, values, and what its parts compute.",
        discussion: """
            Checked are the files' SHA-256 checksums where they are known (pulled models, the Hugging Face cache), that every \
            tensor is there in its shape and no other, that every value is finite, and figures: each part runs on fixed \
            inputs, and its output is compared with the figures in \(figuresName) beside the model, or those of --against.
            """)

    @Argument(help: "A model, as for --model.")
    var model: String

    @Option(help: ArgumentHelp("A file of figures to compare with.", valueName: "file"), completion: .file())
    var against: String?

    @Option(help: ArgumentHelp("The largest relative difference of figures that is accepted.", valueName: "x"))
    var tolerance = 0.005

    @Flag(help: "Write the figures to \(figuresName) beside the model.")
    var record = false

    @Flag(help: "Print the figures as JSON.")
    var json = false

    @Option(help: ArgumentHelp("The number of threads. (default: one for each processor)", valueName: "n"))
    var threads: Int?

    @Flag(name: [.short, .long], help: "Print nothing but failures.")
    var quiet = false

    func validate() throws {
        guard tolerance > 0, tolerance.isFinite else {
            throw ValidationError("--tolerance takes a number above 0, not \(tolerance)")
        }
        if let threads, !(1...1024).contains(threads) {
            throw ValidationError("--threads takes a number from 1 to 1024, not \(threads)")
        }
        if record, against != nil { throw ValidationError("--record and --against exclude each other") }
    }

    func run() throws {
        try describingFailures(verify)
    }

    private func verify() throws {
        let search = ModelSearch.forThisProcess()
        let found = try search.locate(model)
        if record, found.origin == .file {
            throw CommandFailure(.usage, "--record writes into a model's folder, and \(model) is a file")
        }
        let stored = try figures(of: found)
        try checkSums(of: found)

        let directory = try found.directory(search)
        for note in directory.notes { announce("note: \(note)") }
        let survey = try ModelSurvey(directory)
        for part in ModelPart.allCases {
            announce("\(part.rawValue): \(TensorSummary(try survey.tensors(of: part))), every one in its place")
        }

        let nonFinite = try survey.nonFinite()
        guard nonFinite.isEmpty else {
            let named = nonFinite.sorted { $0.key < $1.key }.prefix(5).map { "\($0.key) (\($0.value))" }
            throw CommandFailure(
                .model,
                "\(nonFinite.count) tensors hold values that are not finite: \(named.joined(separator: ", "))"
                    + (nonFinite.count > 5 ? ", ..." : ""))
        }
        announce("every value is finite")

        let figures = try ModelFigures(
            directory, compute: Compute(threads: min(threads ?? .max, Compute.availableThreads)))
        if let stored { try compare(figures, with: stored.figures, of: stored.file) }
        if record { try write(figures, to: found.location) }
        if stored == nil, !record { announce("no figures to compare with; --record stores them") }
        if json { try StandardStreams.printResult(try figures.json) }
        announce("\(found.name) is sound")
    }

    /// The figures to compare with, if there are any.
    private func figures(of found: FoundModel) throws -> (figures: ModelFigures, file: String)? {
        if let against { return (try ModelFigures(contentsOf: URL(fileURLWithPath: against)), against) }
        let beside = found.location.appendingPathComponent(Self.figuresName)
        guard found.origin != .file, !record, FileManager.default.fileExists(atPath: beside.path) else { return nil }
        return (try ModelFigures(contentsOf: beside), beside.path)
    }

    private func checkSums(of found: FoundModel) throws {
        guard found.origin != .file else { return }
        let known = try FileChecksums.known(of: found.location)
        for (path, expected) in known.sorted(by: { $0.key < $1.key }) {
            let checksum = try FileChecksums.checksum(of: found.location.appendingPathComponent(path))
            guard checksum == expected else {
                throw CommandFailure(
                    .model, "\(path) was changed or damaged: its SHA-256 is \(checksum), not \(expected)")
            }
        }
        announce(
            known.isEmpty ? "no checksums of its files are known" : "\(known.count) files have their SHA-256 checksums")
    }

    private func compare(_ figures: ModelFigures, with stored: ModelFigures, of file: String) throws {
        let differences = figures.differences(from: stored)
        for (part, difference) in differences {
            announce("figures: \(part) differs by \(String(format: "%.1e", difference))")
        }
        guard let worst = differences.first, worst.difference > tolerance else { return }
        throw CommandFailure(
            .model,
            "the figures of \(worst.part) differ by \(String(format: "%.1e", worst.difference)) from \(file): other "
                + "weights, or a fault of this program or machine")
    }

    private func write(_ figures: ModelFigures, to folder: URL) throws {
        let file = folder.appendingPathComponent(Self.figuresName)
        do {
            try Data((try figures.json + "\n").utf8).write(to: file, options: .atomic)
        } catch {
            throw CommandFailure(.output, "cannot write \(file.path): \(error.localizedDescription)")
        }
        announce("the figures are in \(file.path)")
    }

    private func announce(_ text: String) {
        if !quiet { Console.line(text) }
    }
}

extension ModelFigures {
    fileprivate var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }
}
