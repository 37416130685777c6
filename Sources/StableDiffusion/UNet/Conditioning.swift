import TensorKernels

/// One prediction of a batch: which of the distinct inputs it denoises under which of the distinct texts.
package struct Branch: Equatable, Sendable {
    package let sample: Int
    package let text: Int

    package init(sample: Int, text: Int) {
        self.sample = sample
        self.text = text
    }
}

/// A run's texts and what each cross-attention makes of them, which no step changes: worked out on first use and kept.
package final class TextContext {
    /// `[texts, tokens, channels]`
    let embeddings: Tensor
    private var known: [String: KeysAndValues] = [:]
    private var vectors: [Int: Tensor] = [:]

    package init(_ embeddings: Tensor) { self.embeddings = embeddings }

    func keysAndValues(of attention: Attention) -> KeysAndValues {
        if let known = known[attention.name] { return known }
        let new = attention.keysAndValues(embeddings)
        known[attention.name] = new
        return new
    }

    /// What `embedding` makes of the text `index`, `[1, timeEmbedDim]`.
    func pooled(_ index: Int, by embedding: TextTimeEmbedding) -> Tensor {
        if let known = vectors[index] { return known }
        let new = embedding(embeddings.slice(index..<index + 1))
        vectors[index] = new
        return new
    }
}

/// What all blocks of one evaluation share.
///
/// Branches of one input differ from the first cross-attention on only. Until then activations hold one entry for each
/// distinct input; there they are expanded to one for each branch.
struct Conditioning {
    /// The activated time embedding, `[1, timeEmbedDim]`.
    let time: Tensor
    let text: TextContext
    let branches: [Branch]

    /// One entry for each branch, from one for each input; activations that have been expanded stay as they are.
    func expanded(_ x: Tensor) -> Tensor {
        guard x.shape[0] != branches.count else { return x }
        return Tensor.stacked(branches.map { x.slice($0.sample..<$0.sample + 1) })
    }
}
