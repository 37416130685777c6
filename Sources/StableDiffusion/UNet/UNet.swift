import Checkpoints
import TensorKernels

/// `UNet2DConditionModel`: predicts the noise (or whatever the scheduler wants) in latents, given a timestep and texts.
package struct UNet {
    package let configuration: UNetConfiguration
    let convIn: Conv2D
    let timeEmbedding: TimestepEmbedding
    /// Of a model whose time embedding also holds the text.
    let addEmbedding: TextTimeEmbedding?
    let downBlocks: [DownBlock]
    let midBlock: MidBlock?
    let upBlocks: [UpBlock]
    let convNormOut: GroupNorm
    let convOut: Conv2D

    /// - Throws: `CheckpointError` for a missing, misshapen or left-over tensor.
    package init(_ store: WeightStore, _ configuration: UNetConfiguration, compute: Compute) throws {
        let weights = LayerWeights(store, compute: compute)
        let channels = configuration.blockOutChannels
        self.configuration = configuration
        convIn = try Conv2D(weights.scoped("conv_in"), configuration.inChannels, channels[0])
        timeEmbedding = try TimestepEmbedding(weights.scoped("time_embedding"), configuration)
        addEmbedding = try configuration.textTimeHeads.map {
            try TextTimeEmbedding(weights.scoped("add_embedding"), configuration, heads: $0)
        }
        downBlocks = try channels.indices.map {
            try DownBlock(weights.scoped("down_blocks").scoped($0), configuration, level: $0)
        }
        midBlock = try MidBlock(weights.scoped("mid_block"), configuration)
        upBlocks = try channels.indices.map {
            try UpBlock(weights.scoped("up_blocks").scoped($0), configuration, index: $0)
        }
        convNormOut = try GroupNorm(
            weights.scoped("conv_norm_out"), channels[0], groups: configuration.normNumGroups,
            epsilon: configuration.normEps)
        convOut = try Conv2D(weights.scoped("conv_out"), channels[0], configuration.outChannels)
        try store.requireAllRead()
    }

    /// - Parameters:
    ///   - samples: the distinct inputs `[inputs, height, width, inChannels]`.
    ///   - timestep: of the training schedule, may be fractional.
    ///   - text: the distinct texts.
    ///   - branches: the predictions wanted. With as many branches as inputs, branch i is of input i.
    /// - Returns: `[branches, height, width, outChannels]`.
    package func callAsFunction(
        _ samples: Tensor, timestep: Float, text: TextContext, branches: [Branch]
    ) -> Tensor {
        precondition(
            samples.shape[0] != branches.count || branches.map(\.sample) == Array(branches.indices),
            "\(branches) of \(samples.shape)")
        guard let addEmbedding else {
            return predictions(samples, Conditioning(time: timeEmbedding(timestep), text: text, branches: branches))
        }
        // Each text makes a time of its own, and one call has one time.
        let alone = branches.map { branch in
            let time = timeEmbedding(timestep, adding: text.pooled(branch.text, by: addEmbedding))
            let conditioning = Conditioning(time: time, text: text, branches: [Branch(sample: 0, text: branch.text)])
            return predictions(samples.slice(branch.sample..<branch.sample + 1), conditioning)
        }
        return alone.count == 1 ? alone[0] : Tensor.stacked(alone)
    }

    private func predictions(_ samples: Tensor, _ conditioning: Conditioning) -> Tensor {
        var x = convIn(configuration.centerInputSample ? samples.mapped { 2 * $0 - 1 } : samples)
        var skips = [x]
        for block in downBlocks { x = block(consume x, conditioning, skips: &skips) }
        if let midBlock { x = midBlock(consume x, conditioning) }
        for block in upBlocks { x = block(consume x, conditioning, skips: &skips) }
        // A model without cross-attention has not told the branches apart.
        return conditioning.expanded(convOut(x, after: convNormOut(x)))
    }
}
