import ArgumentParser
import Foundation

/// Which photos, and how a batch of them goes.
struct BatchOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A file with the photos' names, one a line or ended by NUL bytes; '-' for standard input.",
            valueName: "file"), completion: .file())
    var filesFrom: String?

    @Flag(name: [.short, .long], help: "Take folders with all folders below them, and mirror these in the output.")
    var recursive = false

    @Option(
        help: ArgumentHelp(
            "Make only the i-th of n shares of the photos, for processes or machines that share a folder.",
            valueName: "i/n"))
    var shard: Shard?

    @Flag(help: "Stop a batch at the first failure.")
    var failFast = false

    @Flag(help: "Check everything and say what would be made; write nothing.")
    var dryRun = false

    /// Finds the photos that the arguments and the list name.
    func photos(_ arguments: [String]) throws -> PhotoSearch {
        var search = PhotoSearch(recursive: recursive, isBatch: filesFrom != nil || shard != nil)
        arguments.forEach { search.add($0) }
        if let filesFrom {
            let file = filesFrom == "-" ? FileHandle.standardInput : FileHandle(forReadingAtPath: filesFrom)
            guard let file, let list = try? file.readToEnd() ?? Data() else {
                throw CommandFailure(.input, "cannot read the list of photos \(filesFrom): \(systemMessage(errno))")
            }
            search.add(list: list)
        }
        guard !search.photos.isEmpty else {
            let place = (arguments + [filesFrom].compactMap { $0 }).joined(separator: ", ")
            throw CommandFailure(
                .input,
                "there are no pictures in \(place)" + (recursive ? "" : "; --recursive looks deeper"))
        }
        return search
    }
}
