/// Which tenths of some work have been reported, for progress in plain lines.
struct ProgressTenths {
    private var reported: Int

    /// - Parameter done: of `total`, before the work began.
    init(done: Int = 0, of total: Int = 1) {
        reported = done * 10 / max(total, 1)
    }

    /// Whether `done` of `total` reach a tenth that has not been reported; it then has.
    mutating func isNew(_ done: Int, of total: Int) -> Bool {
        let tenths = done * 10 / max(total, 1)
        guard tenths > reported else { return false }
        reported = tenths
        return true
    }
}
