import TensorKernels

/// What the UNet's inner blocks made in an evaluation, for those after it: all but the first convolution and the last layer
/// of the way up (DeepCache, Ma et al. 2024, with cache branch 0).
package final class InnerFeatures {
    /// Whether the evaluations to come run the inner blocks.
    package var isWhole = true
    /// `[branches, height, width, channels]`; one for each branch where the model evaluates them one by one.
    private var parts: [Int: Tensor] = [:]

    package init() {}

    func keep(_ part: Int, _ features: Tensor) { parts[part] = features }

    /// Those of the last whole evaluation, of which `conditioning` may have the first branch alone; nil where the inner
    /// blocks are to run.
    func reused(_ part: Int, for conditioning: Conditioning) -> Tensor? {
        guard !isWhole, let features = parts[part] else { return nil }
        let count = conditioning.branches.count
        return features.shape[0] > count ? features.slice(0..<count) : features
    }
}
