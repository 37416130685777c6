import ArgumentParser
import ImageCodecs

/// Where the image goes and what is printed on the way.
struct OutputOptions: ParsableArguments {
    static let defaultQuality = 92

    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "The file or folder to write, '-' for standard output. (default: photo.cartoon.png beside photo.jpg)",
            valueName: "output"), completion: .file())
    var output: String?

    @Option(
        help: ArgumentHelp("The format to write. (default: by the output's extension)", valueName: "format"))
    var format: ImageFormat?

    @Option(
        help: ArgumentHelp(
            "The quality of a \(ImageFormat.list(ImageFormat.writable.filter(\.takesQuality), "or")), 1 to 100. "
                + "(default: \(OutputOptions.defaultQuality))", valueName: "n"))
    var quality: Int?

    @Flag(
        help: ArgumentHelp(
            "Write a \(ImageFormat.list(ImageFormat.writable.filter(\.hasLossless), "or")) without loss, which PNG always is."
        ))
    var lossless = false

    @Option(
        help: ArgumentHelp(
            "What becomes of the photo's capture date, artist, copyright, camera and resolution: keep or none. Its place "
                + "(GPS) is never kept.", valueName: "keep|none"))
    var metadata = MetadataUse.keep

    @Flag(help: "Refuse photos with damage that could be repaired, such as missing last rows, instead of noting it.")
    var strict = false

    @Flag(name: [.short, .long], help: "Replace existing outputs.")
    var force = false

    @Flag(help: "Skip photos whose output exists, however it was made.")
    var skipExisting = false

    @Flag(help: "Write the photo and what became of it side by side.")
    var compare = false

    @Option(
        help: ArgumentHelp(
            "Write an approximate image every k-th step, NAME.step-K.png beside the output.", valueName: "k"))
    var preview: Int?

    @Flag(help: "Write cartoonize.html into the output folder: all photos before and after.")
    var gallery = false

    @Flag(name: [.short, .long], help: "Print no progress.")
    var quiet = false

    @Flag(name: [.short, .long], help: "Print sizes, settings and times.")
    var verbose = false

    @Flag(help: "Print one JSON object for each image instead of its path.")
    var json = false

    func validate() throws {
        if let quality, !(1...100).contains(quality) {
            throw ValidationError("--quality takes a number from 1 to 100, not \(quality)")
        }
        if let preview, preview < 1 { throw ValidationError("--preview takes a number above 0, not \(preview)") }
        if preview != nil, output == "-" { throw ValidationError("--preview writes files; name the output's with -o") }
        if lossless, quality != nil { throw ValidationError("--lossless and --quality exclude each other") }
        if force, skipExisting { throw ValidationError("--force and --skip-existing exclude each other") }
        if compare, gallery {
            throw ValidationError("--compare and --gallery exclude each other: both show before and after")
        }
        if quiet, verbose { throw ValidationError("--quiet and --verbose exclude each other") }
        if json, output == "-" {
            throw ValidationError("--json and '-o -' exclude each other: both write to standard output")
        }
    }

    /// Throws when images of a format cannot be written, or not as these options say.
    ///
    /// - Parameter parameters: of the kind that is embedded.
    func check(_ format: ImageFormat, parameters: String) throws {
        guard format.isWritten else {
            throw CommandFailure(
                .usage,
                "\(format) images are only read; what is written is \(ImageFormat.list(ImageFormat.writable, "or"))")
        }
        if quality != nil, !format.takesQuality {
            let formats = ImageFormat.writable.filter(\.takesQuality)
            throw CommandFailure(
                .usage, "--quality is for \(ImageFormat.list(formats)), and the output is \(format)")
        }
        if lossless, !format.hasLossless, format != .png {
            let formats = [.png] + ImageFormat.writable.filter(\.hasLossless)
            throw CommandFailure(
                .usage, "--lossless is for \(ImageFormat.list(formats)), and the output is \(format)")
        }
        try format.checkWritable(parameters: parameters)
    }
}
