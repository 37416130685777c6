import ArgumentParser
import Foundation
import Fuzzing

/// Feeds mutated inputs to this project's readers of untrusted files, each case in a process of its own that is watched
/// for traps, sanitizers' reports, time and memory. Built with sanitizers and run by `make fuzz`.
@main
struct Fuzz: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Feed mutated inputs to the readers of untrusted files.",
        discussion: "Inputs that fail are written into a folder; input N of a case is the same in every run.")

    @Argument(help: "Cases, all if none is named: \(FuzzCase.all.map(\.name).joined(separator: " ")).")
    var cases: [String] = []

    @Option(help: "How many inputs each case gets.")
    var inputs = 300_000

    @Option(help: "The number of the first input.")
    var first = 0

    @Option(help: "Where to write inputs that fail.", completion: .directory)
    var findings = ".build/fuzz/findings"

    @Option(help: .hidden)
    var progressFile: String?

    func validate() throws {
        for name in cases where !FuzzCase.all.contains(where: { $0.name == name }) {
            throw ValidationError("there is no case '\(name)'")
        }
        guard first >= 0, inputs >= 1 else { throw ValidationError("--first and --inputs are numbers from 0 and 1 on") }
    }

    func run() throws {
        let chosen = FuzzCase.all.filter { cases.isEmpty || cases.contains($0.name) }
        if let progressFile {
            try Worker(chosen[0], progressFile: progressFile).run(first..<first + inputs)
            return
        }
        var count = 0
        for fuzzCase in chosen {
            count += try Watch(fuzzCase, findings: URL(fileURLWithPath: findings)).run(first..<first + inputs)
        }
        if count > 0 { throw ExitCode.failure }
    }
}
