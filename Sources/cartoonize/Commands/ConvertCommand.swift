import ArgumentParser
import Checkpoints
import Files
import Foundation
import StableDiffusion

/// Turns weights of any kind into a model folder.
struct ConvertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Turn a model of any kind into a folder of safetensors.",
        discussion: """
            The source is a folder in diffusers' layout, or one file in the single-file (LDM) layout (.ckpt, .pt, .safetensors), \
            whose configuration files are then made from its shapes. Weights are streamed: memory does not grow with the \
            model. Pickles are read, never executed.
            """)

    @Argument(help: "A model folder or a file of weights.", completion: .file())
    var source: String

    @Argument(help: "The folder to make; it must not exist or be empty.", completion: .directory)
    var destination: String

    @Option(help: ArgumentHelp("The precision of the new weights: float16 or float32.", valueName: "dtype"))
    var dtype = WeightPrecision.float16

    @Flag(help: "Of a single file that holds both, take the averaged UNet weights instead of the last ones.")
    var ema = false

    @Option(
        help: ArgumentHelp(
            "The folder with the tokenizer of a source without one. (default: CLIP's)",
            valueName: "folder"), completion: .directory)
    var tokenizer: String?

    @Option(
        help: ArgumentHelp(
            "An autoencoder (VAE) in place of the source's own: a folder in diffusers' layout, or a file.",
            valueName: "file"), completion: .file())
    var vae: String?

    @Flag(name: [.short, .long], help: "Print no progress.")
    var quiet = false

    func run() throws {
        try describingFailures(convert)
    }

    private func convert() throws {
        TerminationSignals.startCleaning()
        let search = ModelSearch.forThisProcess()
        let words = try tokenizer.map { URL(fileURLWithPath: $0) } ?? search.tokenizer()
        let location = search.checkpoint(in: URL(fileURLWithPath: source)) ?? URL(fileURLWithPath: source)
        let converter = try ModelConverter(
            source: location, precision: dtype, useEMA: ema, tokenizer: words,
            vae: vae.map { try AutoencoderSource(URL(fileURLWithPath: $0)) })
        try requireRunnable(location, converter, tokenizer: words)
        if converter.hasEMA, !ema, !quiet {
            Console.line(
                "note: \(source) also holds averaged (EMA) UNet weights; these are the last ones, as diffusers takes "
                    + "them, and --ema takes the others")
        }
        let style = ProgressDisplay.style(quiet: quiet, environment: ProcessInfo.processInfo.environment)
        var progress = ByteProgress(style: style, label: "converting", total: converter.outputBytes)
        defer { progress.finish() }
        let report = try converter.convert(to: URL(fileURLWithPath: destination)) { progress.show($0) }
        progress.finish()
        report.warnOfOverflows()
        if !quiet {
            Console.line(
                "\(report.tensorCount) tensors, \(byteCountText(converter.outputBytes)) of \(dtype.rawValue)")
        }
        try StandardStreams.printPath(destination)
    }

    /// The check of a run: what would be written has to load.
    private func requireRunnable(_ source: URL, _ converter: ModelConverter, tokenizer: URL) throws {
        let vae = vae.map { URL(fileURLWithPath: $0) }
        let model =
            converter.isSingleFile
            ? try ModelDirectory(file: source, tokenizer: tokenizer, useEMA: ema, vae: vae)
            : try ModelDirectory(source, tokenizer: converter.hasTokenizer ? nil : tokenizer, vae: vae)
        _ = try ModelSurvey(model)
        if !quiet { for note in model.notes { Console.line("note: \(note)") } }
    }
}

extension ModelConverter.Report {
    /// Warns of weights that became infinite, if any.
    func warnOfOverflows() {
        guard !overflows.isEmpty else { return }
        let named = overflows.sorted { $0.key < $1.key }.prefix(5).map { "\($0.key) (\($0.value))" }
        Console.line(
            "warning: float16 is too narrow for \(overflows.values.reduce(0, +)) values, which became infinite: "
                + named.joined(separator: ", ") + (overflows.count > 5 ? ", ..." : "") + "; --dtype float32 keeps them")
    }
}

extension WeightPrecision: ExpressibleByArgument {}
