import Checkpoints
import Foundation
import TensorKernels

/// The configuration of a model's autoencoder, of either class.
package enum AutoencoderConfiguration: Equatable, Sendable {
    case kl(VAEConfiguration)
    case tiny(TinyAutoencoderConfiguration)

    /// - Throws: `ConfigurationError` naming the field that is missing, malformed or not supported.
    package init(contentsOf url: URL) throws {
        try self.init(ConfigurationFile.fields(of: url), file: url.path)
    }

    /// - Parameter file: what errors name.
    init(_ fields: [String: JSONValue], file: String) throws {
        if fields["_class_name"] == TinyAutoencoderConfiguration.defaults["_class_name"] {
            self = .tiny(
                try TinyAutoencoderConfiguration(
                    ConfigurationFields(fields, file: file, defaults: TinyAutoencoderConfiguration.defaults)))
        } else {
            self = .kl(
                try VAEConfiguration(
                    ConfigurationFields(fields, file: file, defaults: VAEConfiguration.defaults)))
        }
    }

    package var inChannels: Int {
        switch self {
        case .kl(let configuration): configuration.inChannels
        case .tiny(let configuration): configuration.inChannels
        }
    }

    package var outChannels: Int {
        switch self {
        case .kl(let configuration): configuration.outChannels
        case .tiny(let configuration): configuration.outChannels
        }
    }

    package var latentChannels: Int {
        switch self {
        case .kl(let configuration): configuration.latentChannels
        case .tiny(let configuration): configuration.latentChannels
        }
    }

    /// The pixels of a latent's side.
    package var scaleFactor: Int {
        switch self {
        case .kl(let configuration): configuration.scaleFactor
        case .tiny(let configuration): configuration.scaleFactor
        }
    }

    /// What latents are divided by before they are decoded.
    package var scalingFactor: Float {
        switch self {
        case .kl(let configuration): configuration.scalingFactor
        case .tiny(let configuration): configuration.scalingFactor
        }
    }
}

/// The encoding half of an autoencoder of either class.
package enum ImageEncoder {
    case kl(VAEEncoder)
    case tiny(TinyEncoder)

    /// - Throws: `CheckpointError` for a missing, misshapen or left-over tensor.
    package init(_ store: WeightStore, _ configuration: AutoencoderConfiguration, compute: Compute) throws {
        switch configuration {
        case .kl(let configuration): self = .kl(try VAEEncoder(store, configuration, compute: compute))
        case .tiny(let configuration): self = .tiny(try TinyEncoder(store, configuration, compute: compute))
        }
    }

    /// An image `[1, height, width, channels]` in -1...1 to `[1, height / factor, width / factor, latentChannels]`.
    package func callAsFunction(_ image: Tensor) -> Tensor {
        switch self {
        case .kl(let encoder): encoder(image)
        case .tiny(let encoder): encoder(image)
        }
    }
}

/// The decoding half of an autoencoder of either class.
package enum ImageDecoder {
    case kl(VAEDecoder)
    case tiny(TinyDecoder)

    /// - Throws: `CheckpointError` for a missing, misshapen or left-over tensor.
    package init(_ store: WeightStore, _ configuration: AutoencoderConfiguration, compute: Compute) throws {
        switch configuration {
        case .kl(let configuration): self = .kl(try VAEDecoder(store, configuration, compute: compute))
        case .tiny(let configuration): self = .tiny(try TinyDecoder(store, configuration, compute: compute))
        }
    }

    /// Latents `[1, height, width, latentChannels]`, already divided by the scaling factor, to an image about -1...1.
    package func callAsFunction(_ latents: Tensor) -> Tensor {
        switch self {
        case .kl(let decoder): decoder(latents)
        case .tiny(let decoder): decoder(latents)
        }
    }
}
