import ArgumentParser

/// How large the picture is that the model works at.
struct SizeOptions: ParsableArguments {
    /// Above this, time and memory of the larger models grow past what most machines have, and no model of this kind was
    /// trained for it.
    private static let defaultMaxPixels = 1024 * 1024

    @Option(
        help: ArgumentHelp(
            "The size to work at and to write; sides are rounded down to what the model takes. (default: the input's)",
            valueName: "WxH"))
    var size: PixelSize?

    @Option(
        help: ArgumentHelp(
            "Work at no more pixels than this; a larger picture is reduced, then brought back to its size. "
                + "(default: \(SizeOptions.defaultMaxPixels))", valueName: "n"))
    var maxPixels: Int?

    func validate() throws {
        if let maxPixels, maxPixels < 1 { throw ValidationError("--max-pixels takes a number above 0, not \(maxPixels)") }
        if size != nil, maxPixels != nil { throw ValidationError("--size and --max-pixels exclude each other") }
    }

    /// The size to work at and the size to write for an input of the given size.
    func sizes(input: PixelSize, factor: Int) throws -> (working: PixelSize, output: PixelSize) {
        guard let size else {
            let limit = maxPixels ?? Self.defaultMaxPixels
            return (input.workingSize(factor: factor, limit: limit), input)
        }
        guard size.width >= factor, size.height >= factor else {
            throw CommandFailure(.usage, "--size \(size) is too small: this model works at \(factor)x\(factor) or more")
        }
        let working = size.workingSize(factor: factor, limit: .max)
        return (working, working)
    }
}
