import ArgumentParser
import StableDiffusion

/// How large the picture is that the model works at.
struct SizeOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The size to work at and to write; sides are rounded down to what the model takes. (default: the input's)",
            valueName: "WxH"))
    var size: PixelSize?

    @Option(
        help: ArgumentHelp(
            "Work at no more pixels than this; a larger picture is reduced, then brought back to its size. "
                + "(default: what the model recommends, else 1048576)", valueName: "n"))
    var maxPixels: Int?

    func validate() throws {
        if let maxPixels, maxPixels < 1 {
            throw ValidationError("--max-pixels takes a number above 0, not \(maxPixels)")
        }
        if size != nil, maxPixels != nil { throw ValidationError("--size and --max-pixels exclude each other") }
    }

    /// Throws when `--size` is too small for the model.
    func check(model: ModelDirectory) throws {
        let smallest = model.vaeScaleFactor * model.unet.smallestSide
        if let size, min(size.width, size.height) < smallest {
            throw CommandFailure(
                .usage, "--size \(size) is too small: this model works at \(smallest)x\(smallest) or more")
        }
    }

    /// The size to work at and the size to write for an input of the given size.
    func sizes(input: PixelSize, model: ModelDirectory) throws -> (working: PixelSize, output: PixelSize) {
        let (factor, smallest) = (model.vaeScaleFactor, model.vaeScaleFactor * model.unet.smallestSide)
        try check(model: model)
        guard let size else {
            let limit = maxPixels ?? model.maxPixels
            return (input.workingSize(factor: factor, smallestSide: smallest, limit: limit), input)
        }
        let working = size.workingSize(factor: factor, smallestSide: smallest, limit: .max)
        return (working, working)
    }
}
