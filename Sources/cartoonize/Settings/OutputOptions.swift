import ArgumentParser
import ImageCodecs

/// Where the picture goes and what is told on the way.
struct OutputOptions: ParsableArguments {
    static let defaultQuality = 92

    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "The file or folder to write, '-' for standard output. (default: photo.cartoon.png beside photo.jpg)",
            valueName: "output"), completion: .file())
    var output: String?

    @Option(
        help: ArgumentHelp("The kind of picture to write. (default: by the output's extension)", valueName: "format"))
    var format: ImageFormat?

    @Option(
        help: ArgumentHelp(
            "The quality of a JPEG, 1 to 100. (default: \(OutputOptions.defaultQuality))", valueName: "n"))
    var quality: Int?

    @Flag(name: [.short, .long], help: "Replace existing outputs.")
    var force = false

    @Flag(help: "Leave photos alone whose output exists, however it was made.")
    var skipExisting = false

    @Flag(help: "Write the photo and what became of it side by side.")
    var compare = false

    @Option(
        help: ArgumentHelp(
            "Write an approximate picture every k-th step, NAME.step-K.png beside the output.", valueName: "k"))
    var preview: Int?

    @Flag(help: "Write cartoonize.html into the output folder: all photos before and after, in one file.")
    var gallery = false

    @Flag(name: [.short, .long], help: "Print no progress.")
    var quiet = false

    @Flag(name: [.short, .long], help: "Print sizes, settings and times.")
    var verbose = false

    @Flag(help: "Print one JSON object a picture instead of its path.")
    var json = false

    func validate() throws {
        if let quality, !(1...100).contains(quality) {
            throw ValidationError("--quality takes a number from 1 to 100, not \(quality)")
        }
        if let preview, preview < 1 { throw ValidationError("--preview takes a number above 0, not \(preview)") }
        if preview != nil, output == "-" { throw ValidationError("--preview writes files; name the output's with -o") }
        if force, skipExisting { throw ValidationError("--force and --skip-existing exclude each other") }
        if compare, gallery {
            throw ValidationError("--compare and --gallery exclude each other: both show before and after")
        }
        if quiet, verbose { throw ValidationError("--quiet and --verbose exclude each other") }
        if json, output == "-" {
            throw ValidationError("--json and '-o -' exclude each other: both write to standard output")
        }
    }

    /// Throws when `--quality` is given for a format that has none.
    func checkQuality(for format: ImageFormat) throws {
        if quality != nil, format != .jpeg {
            throw CommandFailure(.usage, "--quality is for JPEG, and the output is \(format)")
        }
    }
}
