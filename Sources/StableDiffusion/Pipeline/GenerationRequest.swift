/// What to make of a picture.
public struct GenerationRequest: Equatable, Sendable {
    /// At the size to work at: sides are multiples of the model's `vaeScaleFactor`.
    public var image: PixelImage
    public var settings: GenerationSettings
    public var seed: UInt64

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
    /// The picture is about to be encoded.
    case encoding
    /// So many evaluations of the UNet are done; 0 before the first.
    case step(Int, of: Int)
    /// The picture is about to be decoded.
    case decoding
}

/// A picture made, and what it took.
public struct GenerationResult: Sendable {
    public let image: PixelImage
    public let timings: StageTimings
}

/// Where a run's time went, in seconds.
public struct StageTimings: Equatable, Sendable {
    /// Reading the weights of all parts.
    public internal(set) var load = 0.0
    public internal(set) var text = 0.0
    public internal(set) var encode = 0.0
    /// Each evaluation of the UNet.
    public internal(set) var steps: [Double] = []
    public internal(set) var decode = 0.0
}

/// Why a run cannot start or go on; each description is one sentence for the user.
public enum GenerationError: Error, Equatable, CustomStringConvertible {
    case invalidRequest(String)
    /// A stage computed infinities or NaNs.
    case notFinite(stage: String)

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
    /// `token_ids`, `text`, `image_latents`, `branch.BRANCH.STEP`, `latents.STEP` or `output` (about -1...1).
    public let name: String
    public let shape: [Int]
    public let values: [Float]

    public init(name: String, shape: [Int], values: [Float]) {
        self.name = name
        self.shape = shape
        self.values = values
    }
}
