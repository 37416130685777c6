import Foundation

/// The tensors of a file that `torch.save` wrote: a zip archive since PyTorch 1.6, a row of pickles before.
///
/// Nothing in the file is executed (see `PickleMachine`). Tensors stay in the mapped file; those that are no contiguous
/// run of their storage are gathered when they are asked for. Storages may be shared.
struct TorchCheckpoint {
    /// The start of a pre-1.6 file: a pickle of the number 0x1950a86a20f9469cfc6c.
    static let legacyMagic: [UInt8] = [
        0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E,
    ]
    /// The start of a zip archive's first entry.
    static let zipMagic: [UInt8] = [0x50, 0x4B, 3, 4]

    let tensors: [TensorEntry]

    init(zip file: MappedFile) throws {
        let archive = try ZipArchive(file)
        let pickles = archive.entries.keys.filter { $0.hasSuffix("/data.pkl") && $0.split(separator: "/").count == 2 }
        guard pickles.count == 1, let name = pickles.first, let pickle = archive.entries[name] else {
            throw CheckpointError.unsupported(
                file: file.path,
                reason: "it is a zip archive with \(pickles.count) data.pkl, not one as torch.save writes")
        }
        let root = name.dropLast("data.pkl".count)
        if let order = archive.entries["\(root)byteorder"], !file.slice(order).elementsEqual("little".utf8) {
            throw CheckpointError.unsupported(file: file.path, reason: "it was written on a big-endian machine")
        }
        var machine = PickleMachine(file.slice(pickle), file: file.path)
        let contents = try machine.run()
        let storages = try machine.storages.map { storage in
            guard let range = archive.entries["\(root)data/\(storage.key)"] else {
                throw CheckpointError.malformed(
                    file: file.path, reason: "it lacks the storage \(printable(storage.key))")
            }
            guard byteCount(of: [storage.count], storage.dataType) == range.count else {
                throw CheckpointError.malformed(
                    file: file.path,
                    reason: "the storage \(printable(storage.key)) has \(range.count) bytes, "
                        + "which is not what \(storage.count) values of \(storage.dataType.rawValue) take")
            }
            return range
        }
        tensors = try Self.stateDictionary(contents, machine, storages: storages, file: file)
    }

    /// The layout before PyTorch 1.6: four pickles (magic number, version, byte order, contents), a pickle of the list of
    /// storage keys, then each storage as a 64-bit count and its values.
    init(legacy file: MappedFile) throws {
        func malformed(_ reason: String) -> CheckpointError { .malformed(file: file.path, reason: reason) }
        var position = Self.legacyMagic.count
        func nextPickle() throws -> (PickleValue, PickleMachine) {
            var machine = PickleMachine(file.bytes, from: position, file: file.path)
            let value = try machine.run()
            position = machine.position
            return (value, machine)
        }
        guard case (.int(1001), _) = try nextPickle() else {
            throw CheckpointError.unsupported(file: file.path, reason: "its version of the legacy format is unknown")
        }
        let (system, systemMachine) = try nextPickle()
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
            guard let size = byteCount(of: [storage.count], storage.dataType), file.bytes.count - position >= 8,
                size <= file.bytes.count - position - 8
            else {
                throw CheckpointError.malformed(
                    file: file.path,
                    reason: "the storage \(printable(key)) reaches beyond the file's end: it was probably cut short")
            }
            let count = Int64(littleEndian: file.bytes.loadUnaligned(fromByteOffset: position, as: Int64.self))
            guard count == storage.count else {
                throw malformed("the storage \(printable(key)) has \(count) values instead of \(storage.count)")
            }
            ranges[index] = position + 8..<position + 8 + size
            position += 8 + size
        }
        let storages = ranges.compactMap { $0 }
        guard storages.count == ranges.count, position == file.bytes.count else {
            throw malformed("its list of storages does not fit its contents")
        }
        tensors = try Self.stateDictionary(contents, machine, storages: storages, file: file)
    }

    /// The tensors of the outermost dictionary, or of the `state_dict` in it that training frameworks write.
    private static func stateDictionary(
        _ contents: PickleValue, _ machine: PickleMachine, storages: [Range<Int>], file: MappedFile
    ) throws -> [TensorEntry] {
        guard case .dictionary(var index) = contents else {
            throw CheckpointError.unsupported(file: file.path, reason: "it holds no dictionary of tensors")
        }
        if case .dictionary(let inner)? = machine.dictionaries[index].first(where: { $0.key.isText("state_dict") })?
            .value
        {
            index = inner
        }
        var entries: [TensorEntry] = []
        var keys: Set<String> = []
        var total = 0
        for case (.text(let key), .tensor(let tensorIndex)) in machine.dictionaries[index] {
            let tensor = machine.tensors[tensorIndex]
            guard keys.insert(key).inserted else {
                throw CheckpointError.malformed(file: file.path, reason: "it holds \(printable(key)) twice")
            }
            let dataType = machine.storages[tensor.storage].dataType
            // A view may repeat its storage without bound (stride 0); shared storages hardly repeat anything.
            let (sum, overflow) = total.addingReportingOverflow(byteCount(of: tensor.shape, dataType) ?? Int.max)
            guard !overflow, sum / 4 <= file.bytes.count else {
                throw CheckpointError.unsupported(
                    file: file.path, reason: "its tensors would take more than four times the file's size")
            }
            total = sum
            entries.append(
                TensorEntry(
                    key: key, dataType: dataType, shape: tensor.shape, strides: tensor.strides, file: file,
                    storage: storages[tensor.storage], offset: tensor.offset))
        }
        guard !entries.isEmpty else {
            throw CheckpointError.unsupported(file: file.path, reason: "it holds no dictionary of tensors")
        }
        return entries
    }
}

extension PickleValue {
    fileprivate func isText(_ wanted: String) -> Bool {
        if case .text(let text) = self { text == wanted } else { false }
    }
}
