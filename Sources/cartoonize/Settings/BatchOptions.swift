import ArgumentParser

/// Which photos, and how a batch of them goes.
struct BatchOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A file with the photos' names, one on each line or ended by NUL bytes; '-' for standard input.",
            valueName: "file"), completion: .file())
    var filesFrom: String?

    @Flag(name: [.short, .long], help: "Take folders with all folders below them, and mirror these in the output.")
    var recursive = false

    @Option(
        help: ArgumentHelp(
            "Process only the i-th of n shares of the photos, for processes or machines that share a folder.",
            valueName: "i/n"))
    var shard: Shard?

    @Flag(help: "Stop a batch at the first failure.")
    var failFast = false

    @Flag(help: "Check everything and print what would be made; write nothing.")
    var dryRun = false
}
