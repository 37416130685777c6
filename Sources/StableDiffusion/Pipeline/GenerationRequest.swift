/// What to make of an image.
public struct GenerationRequest: Equatable, Sendable {
    /// At the size to work at: sides are multiples of the model's `vaeScaleFactor`.
    public var image: PixelImage
    /// How to make it.
    public var settings: GenerationSettings
    /// The seed of the noise: the numbers of PyTorch's CPU generator.
    public var seed: UInt64

    /// A request; nothing is checked before `InstructPix2Pix.generate`.
    public init(image: PixelImage, settings: GenerationSettings, seed: UInt64) {
        self.image = image
        self.settings = settings
        self.seed = seed
    }
}

/// How far a run has come.
public enum ProgressEvent: Equatable, Sendable {
    /// A part's weights are about to be read; the name is for people.
    case loading(String)
    /// The image is about to be encoded.
    case encoding
    /// So many evaluations of the UNet are done; 0 before the first.
    case step(Int, of: Int)
    /// The image is about to be decoded.
    case decoding
    /// The image is about to be looked at by the safety checker.
    case checking
}

/// An image made, and what it took.
public struct GenerationResult: Sendable {
    /// The output image, of the input's size.
    public let image: PixelImage
    /// What the model's safety checker says of it; nil if there is none, or it is not to be run. The image is given either way.
    public let safety: SafetyScores?
    /// Where the time went.
    public let timings: StageTimings
}

/// Where a run's time went, in seconds.
public struct StageTimings: Equatable, Sendable {
    /// Reading the weights of all parts.
    public internal(set) var load = 0.0
    /// Tokenizing and encoding the instruction.
    public internal(set) var text = 0.0
    /// Encoding the input photo.
    public internal(set) var encode = 0.0
    /// Each evaluation of the UNet.
    public internal(set) var steps: [Double] = []
    /// Decoding the latents.
    public internal(set) var decode = 0.0
    /// Looking at the image with the safety checker.
    public internal(set) var safety = 0.0
}

/// Why a run cannot start or go on; each description is one sentence for the user.
public enum GenerationError: Error, Equatable, CustomStringConvertible {
    /// The request cannot be met by this model; the text says why.
    case invalidRequest(String)
    /// A stage computed infinities or NaNs.
    case notFinite(stage: String)

    /// One sentence for the user.
    public var description: String {
        switch self {
        case .invalidRequest(let reason): reason
        case .notFinite(let stage):
            "the model computed values that are not finite (\(stage)): its weights may be damaged"
        }
    }
}

/// A value computed on the way, in PyTorch's order, for comparisons with other implementations.
public struct StageValue: Sendable {
    /// `token_ids`, `text`, `image_latents`, `branch.BRANCH.STEP`, `latents.STEP`, `output` (about -1...1),
    /// `safety.concepts` or `safety.special`.
    public let name: String
    /// Sides in PyTorch's order, `[batch, channels, height, width]` for images and latents.
    public let shape: [Int]
    /// `shape.reduce(1, *)` values, the last axis fastest.
    public let values: [Float]

    /// A value of one stage.
    public init(name: String, shape: [Int], values: [Float]) {
        self.name = name
        self.shape = shape
        self.values = values
    }
}
