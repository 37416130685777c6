import TensorKernels

/// The lowest resolution of the autoencoder's encoder and decoder: two ResNet blocks, with attention between or without.
struct VAEMidBlock {
    let resnets: [ResnetBlock]
    let attention: VAEAttention?

    init(_ weights: LayerWeights, _ configuration: VAEConfiguration) throws {
        let channels = configuration.blockOutChannels[configuration.blockOutChannels.count - 1]
        let groups = configuration.normNumGroups
        resnets = try (0..<2).map {
            try ResnetBlock(
                weights.scoped("resnets").scoped($0), channels, channels, groups: groups, epsilon: vaeEpsilon)
        }
        attention =
            configuration.midBlockAddAttention
            ? try VAEAttention(weights.scoped("attentions.0"), channels, groups: groups) : nil
    }

    func callAsFunction(_ x: consuming Tensor) -> Tensor {
        x = resnets[0](consume x)
        if let attention { x = attention(x) }
        return resnets[1](consume x)
    }
}
