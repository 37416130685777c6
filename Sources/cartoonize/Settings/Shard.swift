import ArgumentParser

/// One of several processes that share a batch, written `2/4` on the command line.
struct Shard: Equatable, Sendable {
    /// From 1.
    let index: Int
    let count: Int

    /// This process's share: the photos are dealt out in turn, so shares differ by one photo at most.
    func share<Element>(of elements: [Element]) -> [Element] {
        stride(from: index - 1, to: elements.count, by: count).map { elements[$0] }
    }
}

extension Shard: ExpressibleByArgument {
    init?(argument: String) {
        let parts = argument.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let index = parts[0], let count = parts[1] else { return nil }
        guard (1...100_000).contains(count), (1...count).contains(index) else { return nil }
        self.init(index: index, count: count)
    }
}
