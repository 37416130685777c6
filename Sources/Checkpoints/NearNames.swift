/// Up to three of `candidates` that look like `key`, nearest first: what a user may have meant, or an older spelling.
package func nearNames(to key: String, among candidates: some Sequence<String>) -> [String] {
    // Bounds for hostile files; real keys have fewer than a hundred bytes and real parts fewer than two thousand keys.
    let lengthLimit = 200
    let wanted = Array(key.utf8)
    guard wanted.count <= lengthLimit else { return [] }
    let farthest = max(2, wanted.count / 3)
    var near: [(distance: Int, key: String)] = []
    for candidate in candidates.lazy.filter({ $0.utf8.count <= lengthLimit }).prefix(5_000) {
        let distance = editDistance(wanted, Array(candidate.utf8))
        if distance <= farthest { near.append((distance, candidate)) }
    }
    return near.sorted { ($0.distance, $0.key) < ($1.distance, $1.key) }.prefix(3).map(\.key)
}

/// Levenshtein distance: insertions, deletions and substitutions from `a` to `b`.
private func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var previous = Array(0...b.count)
    var current = previous
    for (i, byte) in a.enumerated() {
        current[0] = i + 1
        for (j, other) in b.enumerated() {
            current[j + 1] = min(previous[j + 1] + 1, current[j] + 1, previous[j] + (byte == other ? 0 : 1))
        }
        swap(&previous, &current)
    }
    return previous[b.count]
}
