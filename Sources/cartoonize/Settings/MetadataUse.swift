import ArgumentParser

/// What becomes of what a photo says of itself: when it was taken, by whom, with what, and its resolution.
enum MetadataUse: String, CaseIterable, ExpressibleByArgument, Sendable {
    /// All of that goes into the image. Places (GPS) never do.
    case keep
    case none
}
