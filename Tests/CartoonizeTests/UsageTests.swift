import Testing

/// Mistakes on the command line: status 2, one line, nothing run.
struct UsageTests {
    @Test(arguments: [
        ([], "Missing expected argument '<photo>'"),
        (["a.png", "b.png", "-o", "c.png"], "several photos need a folder"),
        (["a.png", "b.png", "-o", "-"], "several photos need a folder"),
        (["a.png", "-", "-o", "c"], "standard input has no name"),
        (["-", "--files-from", "-"], "standard input cannot be both"),
        (["a.png", "--shard", "0/2"], "--shard"),
        (["a.png", "--shard", "3/2"], "--shard"),
        (["a.png", "--shard", "1"], "--shard"),
        (["a.png", "--preview", "0"], "--preview takes a number above 0"),
        (["a.png", "--preview", "1", "-o", "-"], "--preview writes files"),
        (["a.png", "--force", "--skip-existing"], "--force and --skip-existing exclude each other"),
        (["a.png", "--compare", "--gallery"], "--compare and --gallery exclude each other"),
        (["a.png", "--stpes", "4"], "Did you mean '--steps'?"),
        (["a.png", "--steps", "0"], "--steps takes a number from 1 to 1000"),
        (["a.png", "--steps", "many"], "--steps"),
        (["a.png", "--steps"], "--steps"),
        (["a.png", "--guidance", "nan"], "--guidance takes a number from 0 to 1000"),
        (["a.png", "--guidance", "inf"], "--guidance takes a number from 0 to 1000"),
        (["a.png", "--image-guidance=-1"], "--image-guidance takes a number from 0 to 1000"),
        (["a.png", "--seed=-2"], "--seed"),
        (["a.png", "--seed", "18446744073709551615", "--count", "2"], "is too large for --count 2"),
        (["a.png", "--count", "0"], "--count takes a number from 1 to 10000"),
        (["a.png", "--count", "2", "-o", "-"], "--count writes several images"),
        (["a.png", "--count", "2", "-o", "/dev/null"], "--count writes several images"),
        (["a.png", "--sampler", "magic"], "--sampler"),
        (["a.png", "--size", "64"], "--size"),
        (["a.png", "--size", "0x64"], "--size"),
        (["a.png", "--size", "99999999999999999999x64"], "--size"),
        (["a.png", "--size", "64x64x64"], "--size"),
        (["a.png", "--size", "1x64"], "--size 1x64 is too small"),
        (["a.png", "--size", "64x64", "--max-pixels", "9"], "--size and --max-pixels exclude each other"),
        (["a.png", "--max-pixels", "0"], "--max-pixels takes a number above 0"),
        (["a.png", "--memory", "huge"], "--memory"),
        (["a.png", "--threads", "0"], "--threads takes a number from 1 to 1024"),
        (
            ["a.png", "--format", "gif"],
            "GIF images are only read; what is written is PNG, JPEG, WebP, AVIF or JPEG XL"
        ),
        (["a.png", "-o", "a.gif"], "GIF images are only read; what is written is PNG, JPEG, WebP, AVIF or JPEG XL"),
        (["a.png", "-o", "a.doc"], "end it in .png, .jpg, .webp, .avif or .jxl, or give --format"),
        (["a.png", "-o", "a.avif", "--lossless"], "--lossless is for PNG, WebP and JPEG XL, and the output is AVIF"),
        (["a.png", "--quality", "9"], "--quality is for JPEG, WebP, AVIF and JPEG XL, and the output is PNG"),
        (["a.png", "--quality", "0", "-o", "b.jpg"], "--quality takes a number from 1 to 100"),
        (["a.png", "--quality", "50"], "--quality is for JPEG"),
        (["a.png", "--quiet", "--verbose"], "--quiet and --verbose exclude each other"),
        (["a.png", "--json", "-o", "-"], "--json and '-o -' exclude each other"),
        (["-"], "give the output's with -o"),
        (["inspct", "a.png"], "did you mean the command 'inspect'?"),
        (["a.png", "--sampler", "magic"], "one of the following: ddim, pndm, euler, "),
        (["inspect"], "Missing expected argument '<subject>'"),
        (["models", "extra"], "Unexpected argument"),
    ])
    func isRefused(arguments: [String], message: String) throws {
        let folder = try TemporaryFolder()
        try folder.write("a.png", SamplePicture.png())
        let outcome = try Program.run(arguments, in: folder)
        #expect(outcome.status == 2)
        #expect(outcome.errorLines.count == 1)
        #expect(outcome.errors.hasPrefix("cartoonize: error: "))
        #expect(outcome.errors.contains(message), "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
        #expect(folder.contents == ["a.png"])
    }

    @Test(arguments: [
        "$program a.png -o -", "$program a.png -o /dev/tty", "$program a.png -o /dev/stdout", "$program -",
    ])
    func binaryAndTerminalsDoNotMix(command: String) throws {
        let folder = try TemporaryFolder()
        try folder.write("a.png", SamplePicture.png())
        // `script` runs the command with a terminal for its streams, and passes its status on.
        let outcome = try Program.runShell("script -qec \"\(command) --quiet\" /dev/null", in: folder)
        #expect(outcome.status == 2)
        #expect(outcome.outputText.contains("terminal") || command.hasSuffix("-"))
        #expect(!outcome.outputText.contains("PNG\r\n"))
        #expect(folder.contents == ["a.png"])
    }

    @Test(arguments: [["--help"], ["-h"], ["help"], ["a.png", "--help"], ["inspect", "--help"], ["help", "models"]])
    func helpIsAResult(arguments: [String]) throws {
        let outcome = try Program.run(arguments, in: TemporaryFolder())
        #expect(outcome.status == 0)
        #expect(outcome.outputText.contains("USAGE: cartoonize"))
        #expect(outcome.errors.isEmpty)
    }

    @Test func programsNameAloneShowsExamplesOnATerminal() throws {
        // `script` runs the command with a terminal for its streams, and passes its status on.
        let outcome = try Program.runShell("script -qec '$program' /dev/null", in: TemporaryFolder())
        #expect(outcome.status == 2)
        #expect(outcome.outputText.contains("cartoonize photo.jpg -o sketch.png -i"))
        #expect(outcome.outputText.contains("'cartoonize --help' describes"))
        #expect(!outcome.outputText.contains("error"))
    }

    @Test func overviewNamesOptionsAndCommands() throws {
        let help = try Program.run(["--help"], in: TemporaryFolder()).outputText
        for expected in ["--instruction", "--image-guidance", "--max-pixels", "COMMANDS:", "inspect", "models"] {
            #expect(help.contains(expected))
        }
    }

    @Test func versionIsAResult() throws {
        let outcome = try Program.run(["--version"], in: TemporaryFolder())
        #expect(outcome.status == 0)
        #expect(outcome.outputText.wholeMatch(of: /cartoonize \d+\.\d+\.\d+\n/) != nil)
        #expect(outcome.errors.isEmpty)
    }
}
