import ArgumentParser
import StableDiffusion

/// How large the image is that the model works at.
struct SizeOptions: ParsableArguments {
    /// With fewer latents on a side, models of this kind draw nothing that can be recognized: a smaller image is enlarged
    /// for the model.
    private static let leastLatents = 32

    @Option(
        help: ArgumentHelp(
            "The size to work at and to write; sides are rounded down to what the model takes. (default: the input's)",
            valueName: "WxH"))
    var size: PixelSize?

    @Option(
        help: ArgumentHelp(
            "Work at no more pixels than this; a larger photo is reduced, then brought back to its size. "
                + "(default: what the model recommends, else 1048576)", valueName: "n"))
    var maxPixels: Int?

    @Option(
        help: ArgumentHelp(
            "What --size does to a photo of another shape: 'stretch' it, 'fit' it into the size, or 'fill' the size and cut "
                + "off the rest.", valueName: "stretch|fit|fill"))
    var resize = Resizing.stretch

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
            let least = Self.leastLatents * factor
            let enlarged = input.scaled(toPixels: min(limit, least * least))
            let source = enlarged.pixels > input.pixels ? enlarged : input
            return (source.workingSize(factor: factor, smallestSide: smallest, limit: limit), input)
        }
        let wanted = resize == .fit ? input.fitted(into: size) : size
        let working = wanted.workingSize(factor: factor, smallestSide: smallest, limit: .max)
        return (working, working)
    }

    /// The part of a photo that is used: all of it, or with `--resize fill` the middle of the size's shape.
    func usedPart(of input: PixelSize) -> PixelSize {
        guard let size, resize == .fill else { return input }
        return size.fitted(into: input)
    }

    /// What is to be said of a photo whose shape is not that of `--size`; nil when it is.
    func note(on input: PixelSize, working: PixelSize) -> String? {
        guard let size, !input.hasShape(of: size) else { return nil }
        switch resize {
        case .stretch:
            return
                "the photo of \(input) is stretched to the aspect ratio of \(working); --resize fit or fill keeps its own"
        case .fit: return "\(working) is what a photo of \(input) fills of \(size)"
        case .fill: return "of the photo of \(input), the middle \(usedPart(of: input)) is used"
        }
    }
}
