import ArgumentParser

/// What becomes of a photo whose sides have another ratio than those of `--size`.
enum Resizing: String, CaseIterable, ExpressibleByArgument, Sendable {
    /// The photo takes the size as it is.
    case stretch
    /// The photo keeps its ratio: one side is shorter than asked for.
    case fit
    /// The photo keeps its ratio: what does not fit is cut off on two sides.
    case fill
}
