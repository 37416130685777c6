import ArgumentParser

/// What `--memory` trades.
enum MemoryUse: String, CaseIterable, ExpressibleByArgument {
    /// Weights leave memory after each use, and are found in the system's cache, or read from the disk, for the next.
    case low
    /// As `fast` if that fits; else each part of the model leaves memory after its stage of each image.
    case auto
    /// All parts of the model stay in memory for all images of a batch.
    case fast
}
