import ArgumentParser
import Checkpoints
import Foundation
import ModelHub
import StableDiffusion

/// Downloads a published model and makes it ready for use.
struct PullCommand: ParsableCommand {
    static let defaultName = "instruction-tuning-sd/cartoonizer"

    static let configuration = CommandConfiguration(
        commandName: "pull",
        abstract: "Download a published model and convert it.",
        discussion: """
            A repository must be an InstructPix2Pix model in diffusers' layout. Every file is checked against the hub's \
            list, converted part by part, and its original removed. A single file (org/name/file.safetensors, or an https \
            address) becomes a model if it is one; a LoRA, an embedding or a VAE is kept for the option that takes it by \
            name. What is interrupted continues with the same command. \
            HF_ENDPOINT, HF_TOKEN (or the token of 'hf auth login'), HF_HUB_OFFLINE, HF_HUB_DOWNLOAD_TIMEOUT and the usual \
            proxy variables are honoured.
            """)

    @Argument(
        help: ArgumentHelp(
            "The repository, org/name or org/name@revision; or one file, org/name/file, hf://... or https://..."))
    var name = Self.defaultName

    @Option(help: ArgumentHelp("The precision of the weights: float16 or float32.", valueName: "dtype"))
    var dtype = WeightPrecision.float16

    @Flag(help: "Keep the downloaded files, in 'originals' beside 'models'.")
    var keepOriginals = false

    @Flag(name: [.short, .long], help: "Replace the model if it is there.")
    var force = false

    @Flag(help: "Print what would be downloaded, and stop.")
    var dryRun = false

    @Flag(name: [.short, .long], help: "Print no progress.")
    var quiet = false

    /// Ends a dry run.
    struct DryRunEnded: Error {}

    func run() throws {
        try describingFailures {
            do { try pull() } catch is DryRunEnded {}
        }
    }

    private func pull() throws {
        TerminationSignals.startCleaning()
        let environment = ProcessInfo.processInfo.environment
        var retry = Retry()
        let isQuiet = quiet
        retry.note = { if !isQuiet { Console.line("note: \($0)") } }
        let hub = try Hub(environment: environment, userAgent: "cartoonize/\(cartoonizeVersion)")
        if let warning = hub.warning { Console.line("warning: \(warning)") }
        let style = ProgressDisplay.style(quiet: quiet, environment: environment)
        switch try PullTarget(name, hub: hub) {
        case .repository(let name): try pull(name, from: hub, retry, style)
        case .file(let file): try pull(file, from: hub, retry, style)
        }
    }

    private func pull(_ name: HubName, from hub: Hub, _ retry: Retry, _ style: ProgressDisplay.Style) throws {
        let search = ModelSearch.forThisProcess()
        let destination = search.dataFolder.appendingPathComponent(name.description)
        let pull = ModelPull(
            name, from: hub, precision: dtype, destination: destination,
            originals: keepOriginals
                ? search.dataFolder.deletingLastPathComponent().appendingPathComponent("originals/\(name)") : nil,
            retry: retry)

        var download: ByteProgress?
        var conversion: (part: ModelPart, progress: ByteProgress)?
        let report = try pull.run(
            replacing: force,
            index: { file in try refusing(name) { try ModelDirectory.requireSupported(index: file) } },
            configured: { folder in try refusing(name) { try ModelDirectory.requireSupported(folder) } },
            planned: { plan in
                announce(plan)
                if dryRun { throw DryRunEnded() }
                download = ByteProgress(style: style, label: "downloading", total: plan.total, earlier: plan.present)
            },
            progress: { event in
                switch event {
                case .downloading(let done, _): download?.show(done)
                case .converting(let part, let done, let total):
                    if conversion?.part != part {
                        conversion = (
                            part, ByteProgress(style: style, label: "converting \(part.rawValue)", total: total)
                        )
                    }
                    conversion?.progress.show(done)
                }
            },
            check: { folder in
                download?.finish()
                if !quiet { Console.line("checking the model") }
                _ = try ModelSurvey(ModelDirectory(folder))
            })
        guard let report else {
            if !quiet { Console.line("\(name) is there and up to date; --force pulls it again") }
            return try StandardStreams.printPath(destination.path)
        }
        report.warnOfOverflows()
        if !quiet { Console.line("ready: cartoonize PHOTO --model \(name)") }
        try StandardStreams.printPath(destination.path)
    }

    /// Names the repository in place of a file that is gone when the error is read.
    private func refusing(_ name: HubName, _ check: () throws -> Void) throws {
        do {
            try check()
        } catch let error as ConfigurationError {
            let file = URL(fileURLWithPath: error.file)
            let path = file.pathComponents.suffix(file.deletingLastPathComponent().lastPathComponent == "model" ? 1 : 2)
            throw HubError.notThisKind(
                repository: name.repository, reason: "\(path.joined(separator: "/")): \(error.reason)")
        }
    }

    private func announce(_ plan: ModelPull.Plan) {
        guard !quiet || dryRun else { return }
        for file in plan.weights { Console.line("\(file.path)  \(byteCountText(file.size))") }
        let rest = plan.present > 0 ? ", \(byteCountText(plan.present)) of it here already" : ""
        Console.line(
            "\(name), commit \(plan.commit.prefix(12)): \(byteCountText(plan.total)) to download\(rest); disk: about "
                + "\(byteCountText(plan.peakBytes)) on the way, \(byteCountText(plan.finalBytes)) in the end")
    }
}
