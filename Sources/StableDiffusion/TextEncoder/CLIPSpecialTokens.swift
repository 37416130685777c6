/// Finds the special tokens that a text spells out, such as “<|endoftext|>”.
struct CLIPSpecialTokens {
    enum Segment {
        case text(ArraySlice<Unicode.Scalar>)
        case special(Int)
    }

    /// The tokens as a tree of scalars, so that looking for thousands of them takes no longer than for one.
    private struct Tree {
        private struct Edge: Hashable {
            let node: Int32
            let scalar: Unicode.Scalar
        }

        private var edges: [Edge: Int32] = [:]
        private var ids: [Int32: Int] = [:]
        private var nodeCount: Int32 = 1

        mutating func insert(_ scalars: [Unicode.Scalar], id: Int) {
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
            if node != 0, ids[node] == nil { ids[node] = id }
        }

        /// The longest token that starts at `index`.
        func match(_ text: [Unicode.Scalar], at index: Int) -> (id: Int, count: Int)? {
            var node: Int32 = 0
            var found: (id: Int, count: Int)?
            var end = index
            while end < text.count, let next = edges[Edge(node: node, scalar: text[end])] {
                node = next
                end += 1
                if let id = ids[node] { found = (id, end - index) }
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
                normalized.insert(Array(CLIPTextSplitter.normalize(scalars[...])), id: token.id)
            } else {
                raw.insert(scalars, id: token.id)
            }
        }
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
            segments.append(.special(token.id))
            index += token.count
            textStart = index
        }
        if textStart < text.count { segments.append(.text(text[textStart...])) }
        return segments
    }
}
