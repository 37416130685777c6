import TensorKernels
import TestSupport
import Testing

@Suite struct AttentionTests {
    @Test func attentionEqualsItsDefinition() {
        var random = RandomValues(seed: 7)
        let edges = [
            (1, 1, 1, 1), (77, 77, 2, 64), (100, 300, 8, 40), (13, 17, 3, 5), (97, 16, 1, 160), (30, 520, 2, 9),
        ]
        let others = (0..<12).map { _ in
            (random.int(in: 1...130), random.int(in: 1...280), random.int(in: 1...4), random.int(in: 1...90))
        }
        for (tokens, keyTokens, heads, depth) in edges + others {
            let channels = heads * depth
            // Scores far apart make the running maximum change often.
            let queries = random.floats(tokens * channels, in: -4...4)
            let (keys, values) = (random.floats(keyTokens * channels, in: -2...2), random.floats(keyTokens * channels))
            for causal in [false, true] where !causal || tokens == keyTokens {
                let expected = NaiveKernels.attention(
                    queries.doubles, keys.doubles, values.doubles, tokens: tokens, keyTokens: keyTokens, heads: heads,
                    depth: depth, causal: causal)
                for compute in computes {
                    let result = compute.tensor(queries, [1, tokens, channels]).attention(
                        keys: compute.tensor(keys, [1, keyTokens, channels]),
                        values: compute.tensor(values, [1, keyTokens, channels]), heads: heads, causal: causal)
                    // A score's absolute error, its rounding unit times the sum of its products' sizes (at most
                    // 8 sqrt(depth)), is its weight's relative error.
                    let limit = tolerance(length: keyTokens) + 8 * Double(depth).squareRoot() * tolerance(length: depth)
                    #expect(
                        relativeError(result.values, expected) < limit,
                        "\(compute.kernelSet.name): \(tokens) \(keyTokens) \(heads) \(depth)")
                }
            }
        }
    }

    @Test func branchesMayShareKeys() throws {
        var random = RandomValues(seed: 8)
        let (tokens, keyTokens, heads, channels) = (20, 9, 2, 16)
        let queries = random.floats(3 * tokens * channels)
        let (keys, values) = (random.floats(2 * keyTokens * channels), random.floats(2 * keyTokens * channels))
        let compute = try Compute(threads: 2)
        let shared = compute.tensor(queries, [3, tokens, channels]).attention(
            keys: compute.tensor(keys, [2, keyTokens, channels]),
            values: compute.tensor(values, [2, keyTokens, channels]), heads: heads, keyBatch: [0, 1, 1])
        for (branch, source) in [0, 1, 1].enumerated() {
            let size = keyTokens * channels
            let expected = NaiveKernels.attention(
                Array(queries[(branch * tokens * channels)..<((branch + 1) * tokens * channels)]).doubles,
                Array(keys[(source * size)..<((source + 1) * size)]).doubles,
                Array(values[(source * size)..<((source + 1) * size)]).doubles, tokens: tokens, keyTokens: keyTokens,
                heads: heads, depth: channels / heads, causal: false)
            #expect(relativeError(shared.slice(branch..<(branch + 1)).values, expected) < 1e-6)
        }
    }

    @Test func largeScoresDoNotOverflow() throws {
        let compute = try Compute(threads: 1)
        let queries = compute.tensor([1e4, -1e4], [1, 2, 1])
        let keys = compute.tensor([1e4, 0, -1e4], [1, 3, 1])
        let values = compute.tensor([1, 2, 3], [1, 3, 1])
        #expect(queries.attention(keys: keys, values: values, heads: 1).values == [1, 3])
    }
}
