import Files
import StableDiffusion

/// Shows how far a run is. A single photo's steps are shown; a batch's on a terminal, too, with the time that all
/// will take, and elsewhere one line per tenth of its images.
struct RunProgress {
    private let style: ProgressDisplay.Style
    private var display: ProgressDisplay
    /// nil for a single image.
    private var total: Int?
    private var isBatch = false
    private var ended = 0
    private var tenths = ProgressTenths()
    private var start = ContinuousClock.now

    /// Begins before it is known what is to be done.
    init(style: ProgressDisplay.Style, label: String) {
        self.style = style
        display = ProgressDisplay(style: style, label: label)
        display.phase("checking")
    }

    /// The images begin now.
    mutating func start(pictures: Int, isBatch: Bool) {
        total = pictures > 1 ? pictures : nil
        self.isBatch = isBatch
        start = .now
    }

    mutating func begin(_ job: Job) {
        let name = FilePath(job.photo.name).name
        guard let total else {
            display = ProgressDisplay(style: pictureStyle, label: job.photo.name)
            return
        }
        guard isBatch else {
            display = ProgressDisplay(style: style, label: "\(job.photo.name) (\(ended + 1) of \(total))")
            return
        }
        let suffix = ended > 0 ? "  all \(ProgressDisplay.clock(remaining(of: total)))" : ""
        display = ProgressDisplay(style: pictureStyle, label: "\(ended + 1)/\(total) \(name)", suffix: suffix)
    }

    /// The image that was begun is expected to take this.
    mutating func expect(_ picture: Forecast.Picture) {
        guard let stages = picture.stages, stages.step > 0 else { return }
        display.stepsAfter = (stages.decode + stages.safety) / stages.step
    }

    mutating func show(_ event: ProgressEvent) { display.show(event) }

    /// The image that was begun is made or has failed.
    mutating func end() {
        ended += 1
        guard isBatch, let total, case .lines = style, tenths.isNew(ended, of: total) else { return }
        let perPicture = (start.duration(to: .now) / ended).seconds
        Console.line(
            "\(ended * 100 / total)% (\(ended) of \(total) images, \(oneDecimal(perPicture)) s each, "
                + "\(ProgressDisplay.clock(remaining(of: total))) left)")
    }

    /// Takes the bar away.
    func finish() { display.finish() }

    /// In plain lines, a batch's photos are not reported step by step.
    private var pictureStyle: ProgressDisplay.Style {
        if isBatch, case .lines = style { .none } else { style }
    }

    private func remaining(of total: Int) -> Duration {
        start.duration(to: .now) / ended * (total - ended)
    }

    private func oneDecimal(_ value: Double) -> String {
        String((value * 10).rounded() / 10)
    }
}
