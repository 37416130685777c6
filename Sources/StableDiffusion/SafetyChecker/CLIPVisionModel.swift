import TensorKernels

/// CLIP's image encoder (Radford et al. 2021), a vision transformer (Dosovitskiy et al. 2021): an image to one vector.
struct CLIPVisionModel {
    private let classEmbedding: Tensor
    private let patchEmbedding: WeightTensor
    private let positionEmbedding: Embedding
    private let preLayerNorm: LayerNorm
    private let layers: [CLIPEncoderLayer]
    private let postLayerNorm: LayerNorm
    private let configuration: CLIPVisionConfiguration
    private let compute: Compute

    init(_ weights: LayerWeights, _ configuration: CLIPVisionConfiguration) throws {
        let (width, size) = (configuration.encoder.hiddenSize, configuration.patchSize)
        let epsilon = configuration.encoder.layerNormEps
        let embeddings = weights.scoped("embeddings")
        classEmbedding = try embeddings.vector("class_embedding", width)
        patchEmbedding = try embeddings.scoped("patch_embedding").matrix("weight", [width, 3, size, size])
        positionEmbedding = try Embedding(
            embeddings.scoped("position_embedding"), configuration.patches * configuration.patches + 1, width)
        // As published: the name lacks an e.
        preLayerNorm = try LayerNorm(weights.scoped("pre_layrnorm"), width, epsilon: epsilon)
        layers = try (0..<configuration.encoder.numHiddenLayers).map {
            try CLIPEncoderLayer(weights.scoped("encoder.layers").scoped($0), configuration.encoder, isCausal: false)
        }
        postLayerNorm = try LayerNorm(weights.scoped("post_layernorm"), width, epsilon: epsilon)
        self.configuration = configuration
        compute = weights.compute
    }

    /// The pooled output: the last hidden state at the class's place after the final norm.
    ///
    /// - Parameter pixels: `[3, side, side]` in PyTorch's order, normalised.
    /// - Returns: `[1, channels]`.
    func callAsFunction(_ pixels: [Float]) -> Tensor {
        let patches = self.patches(pixels).linear(patchEmbedding)
        let embedded = Tensor.stacked([classEmbedding.reshaped([1, classEmbedding.count]), patches])
        let positions = positionEmbedding(Array(0..<embedded.shape[0]))
        var x = preLayerNorm((embedded + positions).reshaped([1] + embedded.shape))
        for layer in layers { x = layer(x) }
        return postLayerNorm(x.reshaped(embedded.shape).slice(0..<1))
    }

    /// `[squares, 3 * size * size]`: the values of each square in the order of a convolution's kernel.
    private func patches(_ pixels: [Float]) -> Tensor {
        let (side, size, count) = (configuration.imageSize, configuration.patchSize, configuration.patches)
        var values: [Float] = []
        values.reserveCapacity(count * count * 3 * size * size)
        for row in 0..<count {
            for column in 0..<count {
                for channel in 0..<3 {
                    for y in row * size..<(row + 1) * size {
                        let start = (channel * side + y) * side + column * size
                        values += pixels[start..<start + size]
                    }
                }
            }
        }
        return compute.tensor(values, [count * count, 3 * size * size])
    }
}
