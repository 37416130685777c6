import TensorKernels

/// `Transformer2DModel`: transformer blocks over an image's pixels, each also attending to the text.
struct SpatialTransformer {
    let norm: GroupNorm
    let projIn: Linear
    let transformerBlocks: [TransformerBlock]
    let projOut: Linear

    init(_ weights: LayerWeights, _ configuration: UNetConfiguration, level: Int) throws {
        let channels = configuration.blockOutChannels[level]
        let storage: Linear.Storage = configuration.useLinearProjection ? .matrix : .pointwiseConvolution
        // Its epsilon is the class's own, not the configured one of the ResNet blocks.
        norm = try GroupNorm(
            weights.scoped("norm"), channels, groups: configuration.normNumGroups, epsilon: 1e-6)
        projIn = try Linear(weights.scoped("proj_in"), channels, channels, storedAs: storage)
        transformerBlocks = try (0..<configuration.transformerLayersPerBlock[level]).map {
            try TransformerBlock(
                weights.scoped("transformer_blocks").scoped($0), channels,
                textChannels: configuration.crossAttentionDim, heads: configuration.attentionHeads[level])
        }
        projOut = try Linear(weights.scoped("proj_out"), channels, channels, storedAs: storage)
    }

    /// - Parameter x: `[inputs or branches, height, width, channels]`
    /// - Returns: `[branches, height, width, channels]`.
    func callAsFunction(_ x: Tensor, _ conditioning: Conditioning) -> Tensor {
        let (height, width, channels) = (x.shape[1], x.shape[2], x.shape[3])
        var tokens = projIn(x.normalized(by: norm(x)))
            .reshaped([x.shape[0], height * width, channels])
        for block in transformerBlocks { tokens = block(tokens, conditioning) }
        let image = tokens.reshaped([tokens.shape[0], height, width, channels])
        return projOut(image, adding: conditioning.expanded(x))
    }
}

/// `BasicTransformerBlock`: self-attention, cross-attention and a gated feed-forward layer, each on a layer norm.
struct TransformerBlock {
    let norm1: LayerNorm
    let attn1: Attention
    let norm2: LayerNorm
    let attn2: Attention
    let norm3: LayerNorm
    let ff: FeedForward

    init(_ weights: LayerWeights, _ channels: Int, textChannels: Int, heads: Int) throws {
        norm1 = try LayerNorm(weights.scoped("norm1"), channels, epsilon: 1e-5)
        attn1 = try Attention(weights.scoped("attn1"), channels, contextChannels: channels, heads: heads)
        norm2 = try LayerNorm(weights.scoped("norm2"), channels, epsilon: 1e-5)
        attn2 = try Attention(weights.scoped("attn2"), channels, contextChannels: textChannels, heads: heads)
        norm3 = try LayerNorm(weights.scoped("norm3"), channels, epsilon: 1e-5)
        ff = try FeedForward(weights.scoped("ff"), channels)
    }

    /// - Parameter x: `[inputs or branches, tokens, channels]`
    /// - Returns: `[branches, tokens, channels]`.
    func callAsFunction(_ x: Tensor, _ conditioning: Conditioning) -> Tensor {
        let normed = norm1(x)
        var x = attn1(normed, to: attn1.keysAndValues(normed), adding: x)
        x = conditioning.expanded(x)
        x = attn2(
            norm2(x), to: conditioning.text.keysAndValues(of: attn2),
            keyBatch: conditioning.branches.map(\.text), adding: x)
        return ff(norm3(x), adding: x)
    }
}

/// `FeedForward`: GEGLU to four times the width and back.
struct FeedForward {
    let proj: GatedLinear
    let out: Linear

    init(_ weights: LayerWeights, _ channels: Int) throws {
        proj = try GatedLinear(weights.scoped("net.0.proj"), channels, 4 * channels)
        out = try Linear(weights.scoped("net.2"), 4 * channels, channels)
    }

    func callAsFunction(_ x: Tensor, adding residual: Tensor) -> Tensor { out(proj(x), adding: residual) }
}
