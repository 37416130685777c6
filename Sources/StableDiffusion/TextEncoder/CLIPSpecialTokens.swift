/// Finds the special tokens that a text spells out, such as “<|endoftext|>”, and the words of textual inversions.
struct CLIPSpecialTokens {
    enum Segment {
        case text(ArraySlice<Unicode.Scalar>)
        /// Its ids.
        case special([Int])
    }

    /// The tokens as a tree of scalars, so that looking for thousands of them takes no longer than for one.
    private struct Tree {
        private struct Edge: Hashable {
            let node: Int32
            let scalar: Unicode.Scalar
        }

        private var edges: [Edge: Int32] = [:]
        private var ids: [Int32: [Int]] = [:]
        private var nodeCount: Int32 = 1

        /// - Returns: whether there was none of these scalars before.
        @discardableResult
        mutating func insert(_ scalars: [Unicode.Scalar], ids: [Int]) -> Bool {
            var node: Int32 = 0
            for scalar in scalars {
                let edge = Edge(node: node, scalar: scalar)
                if let next = edges[edge] {
                    node = next
                } else {
                    node = nodeCount
                    edges[edge] = node
                    nodeCount += 1
                }
            }
            guard node != 0, self.ids[node] == nil else { return false }
            self.ids[node] = ids
            return true
        }

        /// The longest token that starts at `index`.
        func match(_ text: [Unicode.Scalar], at index: Int) -> (ids: [Int], count: Int)? {
            var node: Int32 = 0
            var found: (ids: [Int], count: Int)?
            var end = index
            while end < text.count, let next = edges[Edge(node: node, scalar: text[end])] {
                node = next
                end += 1
                if let ids = ids[node] { found = (ids, end - index) }
            }
            return found
        }
    }

    private var raw = Tree()
    private var normalized = Tree()

    init(_ tokens: [(content: String, id: Int, isMatchedNormalized: Bool)]) {
        for token in tokens {
            let scalars = Array(token.content.unicodeScalars)
            if token.isMatchedNormalized {
                normalized.insert(Array(CLIPTextSplitter.normalize(scalars[...])), ids: [token.id])
            } else {
                raw.insert(scalars, ids: [token.id])
            }
        }
    }

    /// Adds a word that stands for several ids, and that is found in capitals and inside of other words, too.
    ///
    /// - Returns: whether it was not there before.
    mutating func add(_ word: String, ids: [Int]) -> Bool {
        normalized.insert(Array(CLIPTextSplitter.normalize(Array(word.unicodeScalars)[...])), ids: ids)
    }

    /// The text cut at the special tokens that are looked for before, or only after, normalisation.
    func split(_ text: [Unicode.Scalar], normalized isNormalized: Bool) -> [Segment] {
        let tree = isNormalized ? normalized : raw
        var segments: [Segment] = []
        var textStart = 0
        var index = 0
        while index < text.count {
            guard let token = tree.match(text, at: index) else {
                index += 1
                continue
            }
            if textStart < index { segments.append(.text(text[textStart..<index])) }
            segments.append(.special(token.ids))
            index += token.count
            textStart = index
        }
        if textStart < text.count { segments.append(.text(text[textStart...])) }
        return segments
    }
}
