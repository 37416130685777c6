import Foundation

/// Tells a person how many bytes of a long work are done, with rate and time left: a bar on a terminal, one plain line a
/// tenth elsewhere.
struct ByteProgress {
    private let style: ProgressDisplay.Style
    private let label: String
    private let total: Int
    /// Bytes that were done before this run, which say nothing about its speed.
    private let earlier: Int
    private let start = ContinuousClock.now
    private var lastDrawing = ContinuousClock.now
    private var tenths: ProgressTenths

    init(style: ProgressDisplay.Style, label: String, total: Int, earlier: Int = 0) {
        self.style = style
        self.label = label
        self.total = max(total, 1)
        self.earlier = earlier
        tenths = ProgressTenths(done: earlier, of: total)
    }

    mutating func show(_ done: Int) {
        let seconds = start.duration(to: .now).seconds
        let rate = Double(done - earlier) / max(seconds, 0.001)
        let left = rate > 0 ? ProgressDisplay.clock(.seconds(Double(total - done) / rate)) : "-:--"
        let amounts = "\(byteCountText(done)) of \(byteCountText(total))"
        switch style {
        case .none: return
        case .lines:
            guard tenths.isNew(done, of: total) else { return }
            Console.line("\(label): \(done * 100 / total)% (\(amounts), \(byteCountText(Int(rate)))/s, \(left) left)")
        case .bar(let columns):
            guard lastDrawing.duration(to: .now) > .milliseconds(100) || done == total else { return }
            lastDrawing = .now
            Console.bar(
                ProgressDisplay.bar(
                    label: label, fraction: Double(done) / Double(total),
                    details: "\(amounts)  \(byteCountText(Int(rate)))/s  ETA \(left)", columns: columns()))
        }
    }

    func finish() {
        if case .bar = style { Console.clearBar() }
    }
}
