import Testing

@testable import cartoonize

/// What people type who know other programs.
struct HabitTests {
    /// Other programs' options, and what they are here.
    @Test(arguments: [
        ("--prompt x", "-i x"), ("--prompt=x", "-i x"), ("-p x", "-i x"), ("--edit x", "-i x"),
        ("--negative-prompt x", "--negative x"), ("--negative_prompt x", "--negative x"), ("-n x", "--negative x"),
        ("--guidance-scale 2", "--guidance 2"), ("--guidance_scale=2", "--guidance 2"),
        ("--cfg-scale 2", "--guidance 2"),
        ("--cfg-text 2", "--guidance 2"), ("--cfg-image 2", "--image-guidance 2"),
        ("--image-guidance-scale 2", "--image-guidance 2"), ("--image_guidance_scale 2", "--image-guidance 2"),
        ("--img-cfg-scale 2", "--image-guidance 2"), ("--num-inference-steps 9", "--steps 9"),
        ("--num_inference_steps 9", "--steps 9"), ("--scheduler DDIMScheduler", "--sampler DDIMScheduler"),
        ("--sampling-method euler_a", "--sampler euler_a"), ("--width 64 --height 32", "--size 64x32"),
        ("-W 64 -H 32", "--size 64x32"), ("--resolution 64x32", "--size 64x32"), ("--overwrite", "--force"),
        ("-y", "--force"), ("--device cpu", ""), ("--cpu", ""), ("--seed -1", ""), ("--seed=-1", ""), ("-s -1", ""),
        ("-s 7", "--seed 7"), ("-t 4", "--threads 4"), ("-b 4", "--count 4"), ("--outdir o", "-o o"),
        ("--ext webp", "--format webp"), ("--ckpt m.ckpt", "-m m.ckpt"), ("--init-img b.png", "b.png"),
        ("-oo.png", "-o o.png"), ("-m./model", "-m ./model"), ("--image_guidance 2", "--image-guidance 2"),
    ])
    func optionOfAnotherProgramIsUnderstood(theirs: String, ours: String) throws {
        let words = { (text: String) in text.split(separator: " ").map(String.init) }
        let translated = try ForeignOptions.translate(["a.png"] + words(theirs))
        #expect(translated.arguments == ["a.png"] + words(ours))
        let isSpelling = theirs.hasPrefix("-o") || theirs.hasPrefix("-m") || theirs.hasPrefix("--image_guidance 2")
        #expect(translated.notes.count == (isSpelling ? 0 : 1))
        #expect(try ForeignOptions.translate(["a.png", "-q"] + words(theirs)).notes.isEmpty)
        // Of another command, and behind what ends the options, words stay.
        for before in [["inspect"], ["a.png", "--"]] {
            #expect(try ForeignOptions.translate(before + words(theirs)).arguments == before + words(theirs))
        }
    }

    /// Options without a counterpart, each with what to do.
    @Test(arguments: [
        ("--width 64", "--size takes width and height"), ("-H 64", "--size takes width and height"),
        ("--size 512", "such as --size 512x512"), ("--resolution 512", "such as --size 512x512"),
        ("--jobs 4", "--threads limits these"), ("-j4", "Unknown option"), ("-j 4", "--shard shares a batch"),
        ("--device cuda", "by the processor (CPU) alone"), ("--gpu 0", "by the processor (CPU) alone"),
        ("--style comic", "the instruction names the style"), ("--filter=comic", "the instruction names the style"),
        ("--strength 0.5", "--image-guidance says how strongly the photo is kept"),
        ("--seed -2", "--seed"),
    ])
    func optionThatIsOtherwiseHereIsPointedTo(theirs: String, sentence: String) throws {
        let folder = try TemporaryFolder()
        try folder.write("a.png", SamplePicture.png())
        let outcome = try Program.run(["a.png"] + theirs.split(separator: " ").map(String.init), in: folder)
        #expect(outcome.status == 2 && outcome.errorLines.count == 1, "\(outcome.errors)")
        #expect(outcome.errors.contains(sentence), "\(outcome.errors)")
        #expect(folder.contents == ["a.png"])
    }

    @Test func noteSaysWhatAnOptionIs() throws {
        let folder = try TemporaryFolder()
        try folder.write("a.png", SamplePicture.png())
        let outcome = try Program.run(["a.png", "--prompt", "Sketch it", "--seed", "-1", "--dry-run"], in: folder)
        #expect(outcome.status == 0)
        #expect(
            outcome.errorLines.prefix(2) == [
                "cartoonize: note: --prompt is -i here", "cartoonize: note: --seed -1 takes a random seed",
            ])
    }

    @Test(arguments: [
        ("stpes", "steps", true), ("qualty", "quality", true), ("guidence", "guidance", true),
        ("inst", "instruction", true),
        ("instrction", "instruction", true), ("inspct", "inspect", true), ("cpu", "count", false),
        ("ckpt", "count", false), ("ext", "seed", false), ("fill", "pull", false), ("", "size", false),
    ])
    func misspellingsAreTheNearNamesOnly(word: String, name: String, isOne: Bool) {
        #expect(isMisspelling(word, of: name) == isOne)
    }

    @Test func guessIsNoNonsense() throws {
        let folder = try TemporaryFolder()
        for option in ["--cuont", "--slow-mode", "--xyz"] {
            let outcome = try Program.run(["a.png", option], in: folder)
            #expect(outcome.status == 2 && outcome.errors.contains("Unknown option '\(option)'"))
            #expect(outcome.errors.contains("Did you mean") == (option == "--cuont"), "\(outcome.errors)")
        }
    }

    /// A newcomer's first tries: from ImageMagick and rembg, Real-ESRGAN, ffmpeg, stable-diffusion.cpp.
    @Test(arguments: [
        ("a.png out.png", "there is no photo out.png; did you mean -o out.png?"),
        ("-i a.png -o out.png", "photos are named without an option, as in 'cartoonize a.png -o out.png'"),
        ("-i a.png -y out.png", "-i is the instruction, and a.png is a photo"),
        ("-M edit -p x", "Unknown option"),
        ("photos toons", "there is no photo toons; did you mean -o toons?"),
        ("a.png photos/b.png toons", "there is no photo toons; did you mean -o toons?"),
        ("a.png photos/b.png out.png", "several photos need a folder for their images, given with -o"),
        ("i a.png out.png", "there is no photo i; did you mean 'cartoonize a.png -o out.png'?"),
        ("p photos toons", "there is no photo p; did you mean 'cartoonize photos -o toons'?"),
    ])
    func outputWithoutItsOptionIsAskedFor(line: String, sentence: String) throws {
        let folder = try TemporaryFolder()
        try folder.write("a.png", SamplePicture.png())
        try folder.write("photos/a.png", SamplePicture.png())
        let contents = folder.contents
        let outcome = try Program.run(line.split(separator: " ").map(String.init), in: folder)
        #expect(outcome.status == 2 && outcome.errorLines.count == 1)
        #expect(outcome.errors.contains(sentence), "\(outcome.errors)")
        #expect(folder.contents == contents)
    }

    @Test func redirectedStreamsAreExplained() throws {
        let folder = try TemporaryFolder()
        try folder.write("a.png", SamplePicture.png())
        let outcome = try Program.runShell("\"$program\" < a.png > o.png", in: folder)
        #expect(outcome.status == 2 && outcome.errors.contains("'-' is a photo from standard input"))
    }

    @Test(arguments: ["DPM++ 2M Karras", "dpm++2m_karras", "k_dpmpp_2m_karras", "DPMPP-2M-KARRAS"])
    func samplerNamesOfOtherProgramsAreUnderstood(name: String) throws {
        let folder = try TemporaryFolder()
        try folder.write("a.png", SamplePicture.png())
        let outcome = try Program.run(
            ["a.png", "--sampling-method", name, "--json", "-q", "--steps", "2"], in: folder)
        #expect(outcome.outputText.contains("\"sampler\":\"dpm++-2m-karras\""), "\(outcome.errors)")
    }

    @Test func modelOfTheHubIsPulledFirst() throws {
        let folder = try TemporaryFolder()
        try folder.write("a.png", SamplePicture.png())
        let outcome = try Program.run(["a.png", "-m", "timbrooks/instruct-pix2pix"], in: folder)
        #expect(outcome.status == 3)
        #expect(outcome.errors.contains("'cartoonize pull timbrooks/instruct-pix2pix' downloads it"))
    }
}
