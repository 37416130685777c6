import ArgumentParser
import StableDiffusion
import TensorKernels

/// What to make of an image and how; defaults come from the model.
struct GenerationOptions: ParsableArguments {
    @Option(
        name: [.short, .long],
        help: ArgumentHelp("What to do with the photo. (default: the model's, \"Cartoonize the following image\")"))
    var instruction: String?

    @Option(help: ArgumentHelp("What the image should not become (the negative prompt).", valueName: "instruction"))
    var negative: String?

    @Option(help: ArgumentHelp("The number of denoising steps. (default: the model's)", valueName: "n"))
    var steps: Int?

    @Option(
        help: ArgumentHelp(
            "How strongly the instruction counts; 1 or less is off. (default: the model's)", valueName: "x")
    )
    var guidance: Float?

    @Option(help: ArgumentHelp("How strongly the photo is kept. (default: the model's)", valueName: "x"))
    var imageGuidance: Float?

    @Option(
        help: ArgumentHelp(
            "The seed of the random numbers: the same seed gives the same image. (default: a random one)",
            valueName: "n"))
    var seed: UInt64?

    @Option(help: ArgumentHelp("How many images to make, with the seeds seed, seed+1, ...", valueName: "n"))
    var count = 1

    @Option(
        help: ArgumentHelp(
            "The sampler, by these names or diffusers' class names. (default: the model's)", valueName: "name"))
    var sampler: SamplerKind?

    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "The model: a folder, a name from 'cartoonize models', or a single file of weights. (default: $CARTOONIZE_MODEL, or else "
                + "\(defaultModelName))", valueName: "model"), completion: .file())
    var model: String?

    @Option(
        help: ArgumentHelp(
            "Take the settings, all but the size, from an image that this program or stable-diffusion-webui made; "
                + "other options come before them.", valueName: "image"), completion: .file())
    var paramsFrom: String?

    @Option(help: ArgumentHelp("The number of threads. (default: one for each processor)", valueName: "n"))
    var threads: Int?

    @Option(
        help: ArgumentHelp(
            "'low': weights leave memory after each use; 'fast': the model stays for a whole batch; 'auto': as 'fast' "
                + "if that fits. What does not fit is refused.", valueName: "low|auto|fast"))
    var memory = MemoryUse.auto

    @Option(
        help: ArgumentHelp(
            "'half' rounds the factors of products to bfloat16, on processors that multiply those twice as fast. "
                + "(default: full)", valueName: "full|half"))
    var precision: Precision?

    @Flag(exclusivity: .exclusive)
    var fast: FastMode?

    func validate() throws {
        guard (1...10_000).contains(count) else {
            throw ValidationError("--count takes a number from 1 to 10000, not \(count)")
        }
        if let reason = outOfRange(changes, seed: seed) { throw ValidationError(reason) }
        if let threads, !(1...1024).contains(threads) {
            throw ValidationError("--threads takes a number from 1 to 1024, not \(threads)")
        }
    }

    /// The settings that the options give.
    var changes: [GenerationSettings.Change] {
        [
            .init(\.instruction, instruction), .init(\.negativePrompt, negative), .init(\.steps, steps),
            .init(\.sampler, sampler), .init(\.guidanceScale, guidance), .init(\.imageGuidanceScale, imageGuidance),
            .init(\.precision, precision), .init(\.fast, fast.map { $0 }),
        ].compactMap { $0 }
    }

    /// What is wrong with settings that may also come from `--params-from`; nil when nothing is.
    func outOfRange(_ changes: [GenerationSettings.Change], seed: UInt64?) -> String? {
        if let reason = GenerationSettings(sampler: .ddim).applying(changes).outOfRange { return "--" + reason }
        if let seed, seed.addingReportingOverflow(UInt64(count - 1)).overflow {
            return "--seed \(seed) is too large for --count \(count): the last seed would pass \(UInt64.max)"
        }
        return nil
    }

    /// A seed of 32 bits, as in other programs, so that any JSON reader keeps it exact.
    static func randomSeed() -> UInt64 { UInt64(UInt32.random(in: 0...UInt32.max)) }

    /// The seeds of a photo's images.
    func seeds(from first: UInt64) -> [UInt64] {
        (0..<UInt64(count)).map { first + $0 }
    }
}

extension Precision: ExpressibleByArgument {}

extension FastMode: EnumerableFlag {
    public static func name(for mode: FastMode) -> NameSpecification {
        switch mode {
        case .fast: .customLong("fast")
        case .more: .customLong("fast-more")
        }
    }

    public static func help(for mode: FastMode) -> ArgumentHelp? {
        switch mode {
        case .fast: "Take over parts of earlier steps: with 20 steps 0.4 of the time, and an image near the exact one."
        case .more: "Take over more: 0.26 of the time, and an image less near."
        }
    }
}

extension SamplerKind: ExpressibleByArgument {
    public init?(argument: String) { self.init(name: argument) }
}
