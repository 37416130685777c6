/// An input of a run.
struct Photo: Sendable {
    /// As it was given or found: a path, an http or https address, or `-` for standard input.
    let path: String
    /// The folder that holds it, relative to the folder that was named; empty right inside that and for a file that was
    /// named itself. The output folder mirrors it.
    let subfolder: String
}
