import Foundation

/// What a file holds that `torch.save` wrote: a zip archive since PyTorch 1.6, a row of pickles before.
///
/// Nothing in the file is executed (see `PickleMachine`).
struct TorchContents {
    /// The starts of pre-1.6 files: a pickle of the number 0x1950a86a20f9469cfc6c, of protocol 2 or 3, or in a frame of 4 or 5.
    private static let legacyMagics: [[UInt8]] = [[], [0x95, 13, 0, 0, 0, 0, 0, 0, 0]].flatMap { frame in
        (UInt8(2)...5).map { version in
            [0x80, version] + frame + [0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E]
        }
    }
    /// The start of a zip archive's first entry.
    static let zipMagic: [UInt8] = [0x50, 0x4B, 3, 4]

    /// The outermost value; what it holds is in the machine.
    let root: PickleValue
    let machine: PickleMachine
    /// Where the bytes of the machine's storages are.
    let storages: [Range<Int>]
    let file: MappedFile

    /// nil for a file that `torch.save` did not write.
    ///
    /// - Throws: `CheckpointError` for one that is damaged, or holds a name or call that is refused.
    init?(_ file: MappedFile) throws {
        if file.bytes.starts(with: Self.zipMagic) {
            try self.init(zip: file)
        } else if let magic = Self.legacyMagics.first(where: { file.bytes.starts(with: $0) }) {
            try self.init(legacy: file, after: magic.count)
        } else {
            return nil
        }
    }

    private init(zip file: MappedFile) throws {
        let archive = try ZipArchive(file)
        let file = archive.contents
        let pickles = archive.entries.keys.filter { $0.hasSuffix("/data.pkl") && $0.split(separator: "/").count == 2 }
        guard pickles.count == 1, let name = pickles.first, let pickle = archive.entries[name] else {
            throw CheckpointError.unsupported(
                file: file.path,
                reason: "it is a zip archive with \(pickles.count) data.pkl, not one as torch.save writes")
        }
        let folder = name.dropLast("data.pkl".count)
        if let order = archive.entries["\(folder)byteorder"], !file.slice(order).elementsEqual("little".utf8) {
            throw CheckpointError.unsupported(file: file.path, reason: "it was written on a big-endian machine")
        }
        var machine = PickleMachine(file.slice(pickle))
        root = try machine.run()
        storages = try machine.storages.map { storage in
            guard let range = archive.entries["\(folder)data/\(storage.key)"] else {
                throw CheckpointError.malformed(
                    file: file.path, reason: "it lacks the storage \(printable(storage.key))")
            }
            guard storage.byteCount == range.count else {
                throw CheckpointError.malformed(
                    file: file.path,
                    reason: "the storage \(printable(storage.key)) has \(range.count) bytes, "
                        + "which is not what its \(storage.count) values take")
            }
            return range
        }
        (self.machine, self.file) = (machine, file)
    }

    /// The layout before PyTorch 1.6: four pickles (magic number, version, byte order, contents), a pickle of the list of
    /// storage keys, then each storage as a 64-bit count and its values.
    private init(legacy file: MappedFile, after magic: Int) throws {
        func malformed(_ reason: String) -> CheckpointError { .malformed(file: file.path, reason: reason) }
        var position = magic
        func nextPickle(opcodes: Int = PickleMachine.opcodeLimit) throws -> (PickleValue, PickleMachine) {
            var machine = PickleMachine(file.bytes, from: position, opcodes: opcodes)
            let value = try machine.run()
            position = machine.position
            return (value, machine)
        }
        // The first two are a number and three entries.
        guard case (.int(1001), _) = try nextPickle(opcodes: 1000) else {
            throw CheckpointError.unsupported(file: file.path, reason: "its version of the legacy format is unknown")
        }
        let (system, systemMachine) = try nextPickle(opcodes: 1000)
        guard case .dictionary(let index) = system,
            case .bool(true)? = systemMachine.dictionaries[index].first(where: { $0.key.isText("little_endian") })?
                .value
        else { throw CheckpointError.unsupported(file: file.path, reason: "it was written on a big-endian machine") }

        let (contents, machine) = try nextPickle()
        let (keyList, keyMachine) = try nextPickle()
        guard case .list(let list) = keyList else { throw malformed("its list of storages is missing") }
        let indexOfKey = Dictionary(machine.storages.enumerated().map { ($1.key, $0) }) { first, _ in first }
        var ranges = [Range<Int>?](repeating: nil, count: machine.storages.count)
        for item in keyMachine.lists[list] {
            guard case .text(let key) = item, let index = indexOfKey[key], ranges[index] == nil else {
                throw malformed("its list of storages does not fit its contents")
            }
            let storage = machine.storages[index]
            guard let size = storage.byteCount, file.count - position >= 8, size <= file.count - position - 8
            else {
                throw CheckpointError.malformed(
                    file: file.path,
                    reason: "the storage \(printable(key)) reaches beyond the file's end: it was probably cut short")
            }
            let count = file.bytes.load(Int64.self, at: position)
            guard count == storage.count else {
                throw malformed("the storage \(printable(key)) has \(count) values instead of \(storage.count)")
            }
            ranges[index] = position + 8..<position + 8 + size
            position += 8 + size
        }
        storages = ranges.compactMap { $0 }
        guard storages.count == ranges.count, position == file.count else {
            throw malformed("its list of storages does not fit its contents")
        }
        (root, self.machine, self.file) = (contents, machine, file)
    }

    /// One of the machine's tensors, under a key.
    func entry(_ index: Int, key: String) -> TensorEntry {
        let tensor = machine.tensors[index]
        return TensorEntry(
            key: key, dataType: tensor.dataType, shape: tensor.shape, strides: tensor.strides, file: file,
            storage: storages[tensor.storage], offset: tensor.offset)
    }
}

/// The tensors of a file that `torch.save` wrote. They stay in the mapped file; those that are no contiguous run of their
/// storage are gathered when they are asked for. Storages may be shared.
struct TorchCheckpoint {
    let tensors: [TensorEntry]

    /// The tensors of the outermost dictionary, or of the one inside it that training frameworks put them in.
    init(_ contents: TorchContents) throws {
        let (machine, file) = (contents.machine, contents.file)
        guard case .dictionary(let outermost) = contents.root else {
            throw CheckpointError.unsupported(file: file.path, reason: "it holds no dictionary of tensors")
        }
        if let kind = WeightKind(pickledKeys: machine.dictionaries[outermost].map(\.key)) {
            throw kind.refusal(file: file.path)
        }
        var entries: [TensorEntry] = []
        var keys: Set<String> = []
        var total = 0
        for case (.text(let key), .tensor(let tensorIndex)) in machine.dictionaries[
            Self.weights(in: outermost, machine)]
        {
            let tensor = machine.tensors[tensorIndex]
            guard keys.insert(key).inserted else {
                throw CheckpointError.malformed(file: file.path, reason: "it holds \(printable(key)) twice")
            }
            // A view may repeat its storage without bound (stride 0); shared storages hardly repeat anything.
            let size = byteCount(of: tensor.shape, tensor.dataType) ?? Int.max
            let (sum, overflow) = total.addingReportingOverflow(size)
            guard !overflow, sum / 4 <= file.count else {
                throw CheckpointError.unsupported(
                    file: file.path, reason: "its tensors would take more than four times the file's size")
            }
            total = sum
            entries.append(contents.entry(tensorIndex, key: key))
        }
        guard !entries.isEmpty else {
            throw CheckpointError.unsupported(file: file.path, reason: "it holds no dictionary of tensors")
        }
        tensors = entries
    }

    /// The dictionary of weights in a dictionary: under `state_dict`, where training frameworks put it; else that one, of
    /// it and those in it, which holds most tensors (`{"model": ...}`, `{"ema": ..., "epoch": ...}`).
    private static func weights(in outermost: Int, _ machine: PickleMachine) -> Int {
        func tensors(_ index: Int) -> Int {
            machine.dictionaries[index].count { if case (.text, .tensor) = $0 { true } else { false } }
        }
        var index = outermost
        // Three wrappers at most; a dictionary may also hold itself.
        for _ in 0..<3 {
            var best = (index: index, count: tensors(index))
            for (key, value) in machine.dictionaries[index] {
                guard case .dictionary(let inner) = value, inner != index else { continue }
                if key.isText("state_dict") {
                    best = (inner, Int.max)
                    break
                }
                // What lies deeper counts as well: {"model": {"state_dict": ...}}.
                let count = max(tensors(inner), key.isText("model") || key.isText("module") ? 1 : 0)
                if count > best.count { best = (inner, count) }
            }
            if best.index == index { break }
            index = best.index
        }
        return index
    }
}

extension PickleValue {
    func isText(_ wanted: String) -> Bool {
        if case .text(let text) = self { text == wanted } else { false }
    }
}
