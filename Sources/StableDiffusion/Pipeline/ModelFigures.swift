import Checkpoints
import Foundation
import TensorKernels

/// What each part of a model makes of fixed inputs, in a few figures: enough to see that a model does on this machine what
/// it did where the figures were made, by this program or by diffusers (Tests/suites/parity/figures.py).
///
/// The inputs are `sin(0.7 i)` over the values in PyTorch's order: an image of 8 latents' side, latents, text embeddings;
/// the text encoder gets "Cartoonize the following image", the UNet the timestep 500.
public struct ModelFigures: Codable, Equatable, Sendable {
    /// One part's output.
    public struct Figures: Codable, Equatable, Sendable {
        /// The output's sides in PyTorch's order.
        public let shape: [Int]
        /// The mean of its values.
        public let mean: Double
        /// The root of the mean square.
        public let rms: Double
        /// 16 values, evenly spread.
        public let samples: [Double]

        /// - Parameter values: in PyTorch's order.
        init(shape: [Int], _ values: [Float]) {
            let count = Double(max(values.count, 1))
            self.shape = shape
            mean = values.reduce(0) { $0 + Double($1) } / count
            rms = (values.reduce(0) { $0 + Double($1) * Double($1) } / count).squareRoot()
            samples = (0..<16).map { Double(values[$0 * values.count / 16]) }
        }

        /// The largest difference to other figures, relative to their root mean square; infinite for another shape.
        public func difference(from other: Figures) -> Double {
            guard shape == other.shape, samples.count == other.samples.count else { return .infinity }
            let differences = zip([mean, rms] + samples, [other.mean, other.rms] + other.samples).map { abs($0 - $1) }
            let largest = differences.allSatisfy(\.isFinite) ? differences.max() ?? 0 : .infinity
            return largest / max(other.rms, .leastNormalMagnitude)
        }
    }

    /// By part: `text_encoder`, `image_encoder`, `unet`, `image_decoder`.
    public let parts: [String: Figures]

    /// Reads stored figures.
    ///
    /// - Throws: `ConfigurationError`.
    public init(contentsOf file: URL) throws {
        let bytes = try ConfigurationFile.bytes(of: file, limit: 1 << 20)
        do {
            self = try JSONDecoder().decode(ModelFigures.self, checking: bytes)
        } catch {
            throw ConfigurationError(file: file.path, reason: "it holds no figures of a model")
        }
    }

    /// Runs the parts of a model one after another.
    ///
    /// - Throws: `CheckpointError` for weights that do not fit the configuration.
    public init(_ model: ModelDirectory, compute: Compute) throws {
        func wave(_ shape: [Int]) -> [Float] {
            (0..<shape.reduce(1, *)).map { Float(sin(0.7 * Double($0))) }
        }
        func waves(_ shape: [Int]) -> Tensor { compute.tensor(channelsFirst: wave(shape), shape) }
        func image(_ output: Tensor) -> Figures {
            let (height, width, channels) = (output.shape[1], output.shape[2], output.shape[3])
            return Figures(shape: [1, channels, height, width], output.channelsFirstValues)
        }
        let side = max(8, model.unet.smallestSide)
        let latents = model.vae.latentChannels
        let pixels = side * model.vaeScaleFactor
        let ids = model.tokenizer.encode("Cartoonize the following image")
        let embeddingShape = [1, ids.count, model.textEncoder.hiddenSize]
        var parts: [String: Figures] = [:]
        do {
            let encoder = try CLIPTextModel(
                model.weights(of: .textEncoder), model.textEncoder, compute: compute)
            let output = encoder([ids])
            parts["text_encoder"] = Figures(shape: output.shape, output.values)
        }
        compute.trim()
        do {
            let encoder = try ImageEncoder(model.weights(of: .vae), model.vae, compute: compute)
            parts["image_encoder"] = image(encoder(waves([1, 3, pixels, pixels])))
        }
        compute.trim()
        do {
            let unet = try UNet(model.weights(of: .unet), model.unet, compute: compute)
            let text = TextContext(compute.tensor(wave(embeddingShape), embeddingShape))
            parts["unet"] = image(
                unet(
                    waves([1, model.unet.inChannels, side, side]), timestep: 500, text: text,
                    branches: [Branch(sample: 0, text: 0)]))
        }
        compute.trim()
        let decoder = try ImageDecoder(model.weights(of: .vae), model.vae, compute: compute)
        parts["image_decoder"] = image(decoder(waves([1, latents, side, side])))
        self.parts = parts
    }

    /// The difference of each part from other figures, the largest first; infinite for a part that only one has.
    public func differences(from other: ModelFigures) -> [(part: String, difference: Double)] {
        Set(parts.keys).union(other.parts.keys).map { part in
            guard let mine = parts[part], let theirs = other.parts[part] else { return (part, .infinity) }
            return (part, mine.difference(from: theirs))
        }
        .sorted { ($1.difference, $0.part) < ($0.difference, $1.part) }
    }

    /// The figures stand in the file without a level above them.
    public init(from decoder: any Decoder) throws {
        parts = try decoder.singleValueContainer().decode([String: Figures].self)
    }

    /// Writes the parts' figures without a level above them.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(parts)
    }
}
