import TensorKernels

/// `DownBlock2D` or `CrossAttnDownBlock2D`: a level of the way down, all but the last of which halve the resolution.
struct DownBlock {
    let resnets: [ResnetBlock]
    /// One after each ResNet block, or none in a plain block.
    let attentions: [SpatialTransformer?]
    let downsampler: Downsample?

    init(_ weights: LayerWeights, _ configuration: UNetConfiguration, level: Int) throws {
        let channels = configuration.blockOutChannels
        let layers = 0..<configuration.layersPerBlock[level]
        resnets = try layers.map { layer in
            try ResnetBlock(
                weights.scoped("resnets").scoped(layer), channels[layer == 0 ? max(level - 1, 0) : level],
                channels[level], configuration)
        }
        attentions = try layers.map { layer in
            switch configuration.downBlockTypes[level] {
            case .plain: nil
            case .crossAttention:
                try SpatialTransformer(weights.scoped("attentions").scoped(layer), configuration, level: level)
            }
        }
        downsampler =
            level == channels.count - 1
            ? nil
            : try Downsample(
                weights.scoped("downsamplers.0"), channels[level], padding: configuration.downsamplePadding)
    }

    /// - Parameter skips: takes each layer's result, for the way up.
    func callAsFunction(_ x: consuming Tensor, _ conditioning: Conditioning, skips: inout [Tensor]) -> Tensor {
        for (resnet, attention) in zip(resnets, attentions) {
            x = resnet(consume x, time: conditioning.time)
            if let attention { x = attention(x, conditioning) }
            skips.append(copy x)
        }
        if let downsampler {
            x = downsampler(x)
            skips.append(copy x)
        }
        return x
    }
}

/// `UNetMidBlock2D` (one ResNet block) or `UNetMidBlock2DCrossAttn` (two around a transformer).
struct MidBlock {
    let resnets: [ResnetBlock]
    let attention: SpatialTransformer?

    init?(_ weights: LayerWeights, _ configuration: UNetConfiguration) throws {
        let level = configuration.blockOutChannels.count - 1
        let channels = configuration.blockOutChannels[level]
        let count: Int
        switch configuration.midBlockType {
        case .none: return nil
        case .plain: count = 1
        case .crossAttention: count = 2
        }
        resnets = try (0..<count).map {
            try ResnetBlock(weights.scoped("resnets").scoped($0), channels, channels, configuration)
        }
        attention =
            count == 1
            ? nil : try SpatialTransformer(weights.scoped("attentions.0"), configuration, level: level)
    }

    func callAsFunction(_ x: consuming Tensor, _ conditioning: Conditioning) -> Tensor {
        x = resnets[0](consume x, time: conditioning.time)
        if let attention { x = resnets[1](attention(x, conditioning), time: conditioning.time) }
        return x
    }
}

/// `UpBlock2D` or `CrossAttnUpBlock2D`: a level of the way up, all but the last of which enlarge to the next skip's size.
struct UpBlock {
    let resnets: [ResnetBlock]
    /// One after each ResNet block, or none in a plain block.
    let attentions: [SpatialTransformer?]
    let upsampler: Upsample?

    /// - Parameter index: counts from the lowest resolution up.
    init(_ weights: LayerWeights, _ configuration: UNetConfiguration, index: Int) throws {
        let channels = configuration.blockOutChannels
        let level = channels.count - 1 - index
        let layers = configuration.layersPerBlock[level] + 1
        resnets = try (0..<layers).map { layer in
            let previous = channels[layer == 0 ? min(level + 1, channels.count - 1) : level]
            let skip = channels[layer == layers - 1 ? max(level - 1, 0) : level]
            return try ResnetBlock(
                weights.scoped("resnets").scoped(layer), previous + skip, channels[level], configuration)
        }
        attentions = try (0..<layers).map { layer in
            switch configuration.upBlockTypes[index] {
            case .plain: nil
            case .crossAttention:
                try SpatialTransformer(weights.scoped("attentions").scoped(layer), configuration, level: level)
            }
        }
        upsampler = level == 0 ? nil : try Upsample(weights.scoped("upsamplers.0"), channels[level])
    }

    /// - Parameter skips: the results of the way down, of which each layer takes the last.
    func callAsFunction(_ x: consuming Tensor, _ conditioning: Conditioning, skips: inout [Tensor]) -> Tensor {
        x = layers(resnets.indices, consume x, conditioning, skips: &skips)
        // Sides that do not halve evenly come back to the skip's size, not to twice their own.
        if let upsampler, let size = skips.last?.shape { x = upsampler(x, height: size[1], width: size[2]) }
        return x
    }

    /// A part of the block's layers.
    func layers(
        _ range: Range<Int>, _ x: consuming Tensor, _ conditioning: Conditioning, skips: inout [Tensor]
    ) -> Tensor {
        for (resnet, attention) in zip(resnets[range], attentions[range]) {
            let skip = skips.removeLast()
            x = x.concatenatingChannels(x.shape[0] == skip.shape[0] ? skip : conditioning.expanded(skip))
            x = resnet(consume x, time: conditioning.time)
            if let attention { x = attention(x, conditioning) }
        }
        return x
    }
}

extension ResnetBlock {
    fileprivate init(
        _ weights: LayerWeights, _ inputs: Int, _ outputs: Int, _ configuration: UNetConfiguration
    ) throws {
        try self.init(
            weights, inputs, outputs, timeEmbedDim: configuration.timeEmbedDim, groups: configuration.normNumGroups,
            epsilon: configuration.normEps)
    }
}
