import Foundation

/// One model part's tensors seen under a key prefix: `store.scoped("down_blocks.0").tensor("resnets.0.conv1.weight", ...)`.
///
/// Copies and scoped views share the record of what was read, so that after loading a part nothing may be left over.
public struct WeightStore {
    /// What all views of one part share.
    private final class Contents {
        let file: String
        let tensors: [String: TensorEntry]
        var readKeys: Set<String> = []
        var updates: [String: [LowRankAdapter.Update]] = [:]

        init(file: String, tensors: [TensorEntry]) {
            self.file = file
            self.tensors = Dictionary(tensors.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        }
    }

    private let contents: Contents
    private let prefix: String

    /// Opens the weights of a model part: reads and checks the headers, not the weights.
    ///
    /// - Parameters:
    ///   - folder: the part's folder, such as `unet/`.
    ///   - name: the file's stem: `diffusion_pytorch_model`, or `model` for a text encoder (`pytorch_model` when written by
    ///     `torch.save`). Safetensors come before .bin, whole precision before half, one file before shards.
    public init(folder: URL, name: String) throws {
        try self.init(weightFile(folder: folder, name: name))
    }

    /// Opens a file of weights, or the index (`.json`) of the files they are in.
    package init(_ file: URL) throws {
        self.init(
            file: file.path,
            tensors: file.pathExtension == "json" ? try ShardIndex(file).tensors : try readTensors(file))
    }

    /// A store of tensors with distinct keys; `file` is what errors name.
    init(file: String, tensors: [TensorEntry]) {
        contents = Contents(file: file, tensors: tensors)
        prefix = ""
    }

    private init(contents: Contents, prefix: String) {
        self.contents = contents
        self.prefix = prefix
    }

    /// The view in which every key gets `prefix` and a dot in front.
    public func scoped(_ prefix: String) -> WeightStore {
        WeightStore(contents: contents, prefix: "\(self.prefix)\(prefix).")
    }

    /// What errors name.
    var file: String { contents.file }

    /// Whether the part has a tensor of that name under this view's prefix. It does not count as read.
    public func contains(_ key: String) -> Bool {
        contents.tensors[prefix + key] != nil
    }

    /// The tensor of that name, which is then counted as read.
    ///
    /// - Throws: `CheckpointError` naming the full key and the file when it is missing (with near names), has another
    ///   shape, or is no float format.
    public func tensor(_ key: String, shape: [Int]) throws -> StoredTensor {
        let key = prefix + key
        guard let entry = contents.tensors[key] else {
            throw CheckpointError.missingTensor(
                key: key, file: contents.file, nearNames: nearNames(to: key, among: contents.tensors.keys))
        }
        guard entry.dataType.isWeightType else {
            throw CheckpointError.unsupportedDataType(key: key, file: contents.file, dataType: entry.dataType.rawValue)
        }
        guard let shaped = entry.shaped(shape) else {
            throw CheckpointError.misshapenTensor(key: key, file: contents.file, expected: shape, found: entry.shape)
        }
        contents.readKeys.insert(key)
        return shaped.stored()
    }

    /// Lets adapters add to the weights under this view's prefix.
    package func add(_ updates: [String: LowRankAdapter.Update]) {
        for (key, update) in updates { contents.updates[prefix + key, default: []].append(update) }
    }

    /// What adapters add to the tensor of that name, in order.
    package func updates(of key: String) -> [LowRankAdapter.Update] { contents.updates[prefix + key] ?? [] }

    /// All tensors of the part, under this view's prefix, sorted by key.
    public var tensors: [TensorEntry] {
        contents.tensors.values.filter { $0.key.hasPrefix(prefix) }.sorted { $0.key < $1.key }
    }

    /// `tensors` without those that have no part in making images.
    package var weights: [TensorEntry] { tensors.filter { !isBystander($0) } }

    /// The keys of float tensors that are known to have no part in making images.
    package var bystanders: [String] {
        tensors.filter { isBystander($0) && $0.dataType.isWeightType && !isPositionBuffer($0.key) }.map(\.key)
    }

    /// The weights under this view's prefix that nobody has read: what the configuration has no place for.
    public var unreadKeys: [String] {
        contents.tensors.values
            .filter { $0.key.hasPrefix(prefix) && !contents.readKeys.contains($0.key) && !isBystander($0) }
            .map(\.key).sorted()
    }

    /// Throws `CheckpointError.unreadTensors` unless everything was read.
    ///
    /// - Parameter others: prefixes of the keys of another part in the same file.
    public func requireAllRead(except others: [String] = []) throws {
        let keys = unreadKeys.filter { key in !others.contains { key.hasPrefix($0) } }
        guard keys.isEmpty else { throw CheckpointError.unreadTensors(file: contents.file, keys: keys) }
    }
}
