import Foundation

/// A sharded checkpoint: `NAME.safetensors.index.json` or `NAME.bin.index.json`, whose `weight_map` says which file holds
/// each tensor.
struct ShardIndex {
    private static let shardLimit = 1_000
    private static let byteLimit = 100 << 20
    /// As many as a file of weights may hold.
    private static let tensorLimit = 100_000

    let tensors: [TensorEntry]

    /// - Throws: `CheckpointError` when the index or a shard cannot be read, when they disagree about a tensor, or when a
    ///   shard's name points outside the index's folder.
    init(_ url: URL) throws {
        let file = try MappedFile(url)
        var shardOfKey = try Self.weightMap(of: file)
        let shards = Set(shardOfKey.values)
        let folder = url.deletingLastPathComponent()
        var tensors: [TensorEntry] = []
        for shard in shards.sorted() {
            // A name only: "../" or an absolute path must not make us read elsewhere.
            guard !["", ".", ".."].contains(shard), !shard.utf8.contains(where: { $0 == 0x2F || $0 == 0 }) else {
                throw CheckpointError.malformed(
                    file: file.path, reason: "its weight_map names \(printable(shard)), which is not a plain file name")
            }
            let shardURL = folder.appendingPathComponent(shard)
            let contents = try readTensors(shardURL)
            for tensor in contents where shardOfKey.removeValue(forKey: tensor.key) != shard {
                throw CheckpointError.malformed(
                    file: shardURL.path,
                    reason: "\(url.lastPathComponent) does not place \(printable(tensor.key)) there")
            }
            tensors += contents
        }
        if let (key, shard) = shardOfKey.min(by: { $0.key < $1.key }) {
            let shardURL = folder.appendingPathComponent(shard)
            throw CheckpointError.missingTensor(key: key, file: shardURL.path, nearNames: [])
        }
        self.tensors = tensors
    }

    /// The names of the files that an index names.
    static func shards(of url: URL) throws -> [String] {
        Set(try weightMap(of: MappedFile(url)).values).sorted()
    }

    private static func weightMap(of file: MappedFile) throws -> [String: String] {
        guard file.count <= Self.byteLimit else {
            throw CheckpointError.malformed(
                file: file.path, reason: "it has \(file.count) bytes, and no index has over \(Self.byteLimit)")
        }
        var shardOfKey: [String: String] = [:]
        var scanner = JSONScanner(file.bytes.array)
        try JSONScanner.reading(file.path) {
            try scanner.object { scanner, name in
                guard name == "weight_map" else { return try scanner.skipValue() }
                try scanner.object { scanner, key in
                    guard shardOfKey.count < Self.tensorLimit else {
                        throw CheckpointError.malformed(
                            file: file.path, reason: "it lists more than \(Self.tensorLimit) tensors")
                    }
                    guard shardOfKey.updateValue(try scanner.string(), forKey: key) == nil else {
                        throw CheckpointError.malformed(file: file.path, reason: "it lists \(printable(key)) twice")
                    }
                }
            }
            try scanner.expectEnd()
        }
        let shards = Set(shardOfKey.values).count
        guard (1...Self.shardLimit).contains(shards) else {
            throw CheckpointError.malformed(file: file.path, reason: "its weight_map names \(shards) files")
        }
        return shardOfKey
    }
}
