import ArgumentParser

/// What `--safety` does with the model's safety checker.
enum SafetyUse: String, CaseIterable, ExpressibleByArgument {
    /// Images that it flags are not written.
    case on
    /// It is not run.
    case off
    /// Images that it flags are written, and reported.
    case report
}

/// Whether images are checked before they are written.
struct SafetyOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "What a model's safety checker is for, if it has one: on, no image that it flags is written; report, such an image "
                + "is written and reported; off, it is not run. (default: on)", valueName: "on|off|report"))
    var safety: SafetyUse?
}
