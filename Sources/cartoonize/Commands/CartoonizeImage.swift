import ArgumentParser
import Files
import Foundation
import ImageCodecs
import StableDiffusion
import TensorKernels

/// The command that needs no name: photos in, images out.
struct CartoonizeImage: ParsableCommand {
    /// What is shown to somebody who typed the program's name alone.
    static let introduction = """
        \(configuration.abstract)

          cartoonize photo.jpg
          cartoonize photo.jpg -o sketch.png -i "Turn it into a pencil sketch"
          cartoonize photos/ -o toons/ --recursive

        'cartoonize --help' describes all options and commands.
        """

    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Turn photos into cartoons, or into what an instruction says.",
        usage: "cartoonize <photo> ... [-o <output>] [-i <instruction>] [options]",
        discussion: """
            Without --output, photo.jpg becomes photo.cartoon.png beside it. Standard output gets the paths that were \
            written (or the image with '-o -', or JSON with --json), standard error everything else.

              cartoonize photo.jpg
              cartoonize photo.jpg -o sketch.png -i "Turn it into a pencil sketch"
              cartoonize photos/ -o toons/ --recursive
              cartoonize https://example.org/photo.jpg
              curl -s https://example.org/photo.jpg | cartoonize - -o - > cartoon.png

            A batch, which is a folder or more than one photo, continues after a photo that fails, and the same command \
            continues a batch that was interrupted.
            """)

    @Argument(
        help: ArgumentHelp(
            "Photos (\(ImageFormat.list(ImageFormat.all))), folders of them, quoted patterns, or https addresses; "
                + "'-' for standard input."),
        completion: .file())
    var photo: [String] = []

    @OptionGroup(title: "What to make")
    var generation: GenerationOptions

    @OptionGroup(title: "Weights")
    var weights: WeightOptions

    @OptionGroup(title: "Size")
    var size: SizeOptions

    @OptionGroup(title: "Output")
    var output: OutputOptions

    @OptionGroup(title: "Batches")
    var batch: BatchOptions

    @OptionGroup(title: "Safety")
    var safety: SafetyOptions

    @OptionGroup(title: "Safety")
    var sandbox: SandboxOptions

    func validate() throws {
        if let instruction = generation.instruction, FileKind(instruction) == .file,
            PhotoSearch.looksLikePhoto(instruction)
        {
            let file = singleLine(instruction)
            throw ValidationError(
                "-i is the instruction, and \(file) is a photo: photos are named without an option, as in 'cartoonize "
                    + "\(file) -o \(output.output.map(singleLine) ?? "out.png")'")
        }
        if photo.isEmpty, batch.filesFrom == nil {
            let hint = "; '-' is a photo from standard input, and '-o -' writes to standard output"
            throw ValidationError("Missing expected argument '<photo>'" + (StandardStreams.inputWaits ? hint : ""))
        }
        // Else the photos behind a mistyped command would be made.
        if photo.count > 1, FileKind(photo[0]) == nil, let command = Commands.near(photo[0]) {
            throw ValidationError("there is no photo '\(photo[0])'; did you mean the command '\(command)'?")
        }
        if batch.filesFrom == "-", photo.contains("-") {
            throw ValidationError("standard input cannot be both a photo and the list of photos")
        }
    }

    /// Other programs take the output as the last argument: nothing is made of the others before that is clear.
    private func checkLastPhoto() throws {
        guard output.output == nil, batch.filesFrom == nil, photo.count > 1, let last = photo.last,
            photo.dropLast().contains(where: { FileKind($0) != nil })
        else { return }
        guard last != "-", FileKind(last, followingLinks: false) == nil, WebPhoto(last) == nil,
            !last.contains(where: { "*?[".contains($0) })
        else { return }
        // As in rembg, whose commands are one letter.
        if photo.count == 3, photo[0].utf8.count == 1, FileKind(photo[0]) == nil {
            throw CommandFailure(
                .usage, "there is no photo \(photo[0]); did you mean 'cartoonize \(photo[1]) -o \(last)'?")
        }
        if photo.count > 2, ImageFormat(fileExtension: FilePath(last).fileExtension) != nil {
            throw CommandFailure(
                .usage, "there is no photo \(last); several photos need a folder for their images, given with -o")
        }
        throw CommandFailure(.usage, "there is no photo \(last); did you mean -o \(last)?")
    }

    func run() throws {
        let start = ContinuousClock.now
        do {
            try checkLastPhoto()
            var run = try Run(options: self, start: start)
            try run.perform()
        } catch is ClosedPipe {
            throw ClosedPipe()
        } catch {
            var failure = CommandFailure(describing: error)
            // A mistyped command is taken for a photo.
            if failure.status == .input, photo.count == 1, FileKind(photo[0]) == nil,
                let command = Commands.near(photo[0])
            {
                failure.message += "; did you mean the command '\(command)'?"
            }
            // The failures of a batch's photos have been reported one by one.
            if output.json, failure.status != .incomplete {
                let report = FailureReport(
                    input: photo.first.map(WebPhoto.shown) ?? batch.filesFrom ?? "",
                    error: shortened(failure.message),
                    exitCode: failure.status.rawValue)
                try StandardStreams.printResult(report.jsonLine())
            }
            throw failure
        }
    }
}
