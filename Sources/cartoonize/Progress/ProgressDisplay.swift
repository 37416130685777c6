import Foundation
import StableDiffusion

/// Shows how far an image is: a bar on a terminal, one plain line per tenth elsewhere.
struct ProgressDisplay {
    enum Style {
        case none
        case lines
        /// A bar; `columns` is asked again for each drawing, since windows change.
        case bar(columns: @Sendable () -> Int)
    }

    private let style: Style
    private let label: String
    private let suffix: String
    private let start = ContinuousClock.now
    private var stepsStart = ContinuousClock.now
    /// What comes after the steps, the decoding, as long as how many of them.
    var stepsAfter = 0.0
    private var tenths = ProgressTenths()

    /// - Parameters:
    ///   - label: what is worked on, shown before the bar.
    ///   - suffix: shown after all else.
    init(style: Style, label: String, suffix: String = "") {
        self.style = style
        self.label = label
        self.suffix = suffix
    }

    /// The style that suits standard error and the environment.
    static func style(quiet: Bool, environment: [String: String]) -> Style {
        if quiet { return .none }
        guard StandardStreams.isTerminal(STDERR_FILENO), environment["TERM"] != "dumb" else { return .lines }
        let fixed = environment["COLUMNS"].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
        return .bar { fixed ?? windowColumns() ?? 80 }
    }

    /// Something without steps began, such as reading weights.
    func phase(_ name: String) {
        guard case .bar(let columns) = style else { return }
        draw("\(label)  \(name)  \(Self.clock(start.duration(to: .now)))\(suffix)", columns: columns())
    }

    /// The first step begins now: the time per step counts from here.
    mutating func beginSteps() {
        stepsStart = .now
        tenths = ProgressTenths()
    }

    /// `done` of `total` steps are done.
    mutating func step(_ done: Int, of total: Int) {
        guard total > 0 else { return }
        let perStep = stepsStart.duration(to: .now) / max(done, 1)
        let remaining = perStep * (Double(total - done) + stepsAfter)
        let secondsPerStep = done > 0 ? String(format: "%.2f s/step", perStep.seconds) : ""
        switch style {
        case .none: return
        case .lines:
            guard tenths.isNew(done, of: total) else { return }
            Console.line(
                "\(label): \(done * 100 / total)% (step \(done) of \(total), \(secondsPerStep), "
                    + "\(Self.clock(remaining)) left)")
        case .bar(let columns):
            let elapsed = Self.clock(start.duration(to: .now))
            let details =
                done > 0
                ? "\(done)/\(total)  \(elapsed)  \(secondsPerStep)  ETA \(Self.clock(remaining))\(suffix)"
                : "\(done)/\(total)  \(elapsed)\(suffix)"
            draw(Self.bar(label: label, fraction: Double(done) / Double(total), details: details, columns: columns()))
        }
    }

    /// Shows what the pipeline says it is doing.
    mutating func show(_ event: ProgressEvent) {
        switch event {
        case .loading(let part): phase("loading \(part)")
        case .encoding: phase("encoding")
        case .step(let done, let total):
            if done == 0 { beginSteps() }
            step(done, of: total)
        case .decoding: phase("decoding")
        case .checking: phase("checking the image")
        }
    }

    /// Takes the bar away.
    func finish() {
        if case .bar = style { Console.clearBar() }
    }

    private func draw(_ text: String, columns: Int = .max) {
        // One column stays free: a terminal that wraps at its last column would leave the line behind.
        Console.bar(prefix(of: singleLine(text), columns: max(0, columns - 1)))
    }

    /// A line such as `photo.jpg [#####-----] 2/4  0:03` in fewer than `columns` columns.
    static func bar(label: String, fraction: Double, details: String, columns: Int) -> String {
        let room = columns - 1
        let shownLabel = prefix(of: singleLine(label), columns: max(0, room / 3))
        // Room for usual details, so that the bar keeps its width while the details grow.
        let width = min(40, room - cartoonize.columns(of: shownLabel) - max(details.count, 36) - 4)
        guard width >= 4 else { return String(details.prefix(max(0, room))) }
        let filled = min(width, max(0, Int(fraction * Double(width))))
        return shownLabel + " [" + String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled)
            + "] " + details
    }

    /// `duration` as m:ss or h:mm:ss, rounded to whole seconds.
    static func clock(_ duration: Duration) -> String {
        let total = Int(duration.seconds.rounded())
        let minutes = String(format: "%d:%02d", total / 60 % 60, total % 60)
        return total < 3600 ? minutes : String(format: "%d:%02d:%02d", total / 3600, total / 60 % 60, total % 60)
    }

    private static func windowColumns() -> Int? {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }
}

extension Duration {
    var seconds: Double {
        let (whole, attoseconds) = components
        return Double(whole) + Double(attoseconds) / 1e18
    }
}
