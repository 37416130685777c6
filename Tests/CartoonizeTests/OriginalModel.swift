import Foundation
import TestSupport

/// The smallest model of the single-file (LDM) layout that runs, with random values, as both kinds of single files.
struct OriginalModel {
    private let tensors: [(key: String, shape: [Int], start: Int)]
    private let values: [Float]

    init() throws {
        let shapes = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../CheckpointsTests/Fixtures/original-shapes.json")
        let table = try JSONDecoder().decode([String: [Int]].self, from: Data(contentsOf: shapes))
        var random = RandomValues(seed: 5)
        var (tensors, values): ([(String, [Int], Int)], [Float]) = ([], [])
        for (key, shape) in table.sorted(by: { $0.key < $1.key }) {
            tensors.append((key, shape, values.count))
            let count = shape.reduce(1, *)
            // As large as keeps the values' spread from layer to layer.
            let scale = shape.count == 1 ? 0.3 : (3 / Float(count / shape[0])).squareRoot()
            values += random.floats(count, in: -scale...scale)
        }
        self.tensors = tensors
        self.values = values
    }

    private var data: Data { values.withUnsafeBytes { Data($0) } }

    var safetensors: Data { safetensors { _ in true } }

    /// The tensors with these keys.
    func safetensors(with isWanted: (String) -> Bool) -> Data {
        var (entries, data): ([String], Data) = ([], Data())
        for (key, shape, start) in tensors where isWanted(key) {
            let first = data.count
            values[start..<start + shape.reduce(1, *)].withUnsafeBytes { data.append(contentsOf: $0) }
            entries.append(#""\#(key)":{"dtype":"F32","shape":\#(shape),"data_offsets":[\#(first),\#(data.count)]}"#)
        }
        let header = Data("{\(entries.joined(separator: ","))}".utf8)
        return withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) } + header + data
    }

    /// As `torch.save` wrote them before 1.6, all tensors being views of one storage.
    var checkpoint: Data {
        var state = Pickle()
        state.code("}(")
        for (key, shape, start) in tensors {
            state.text(key)
            state.code("ctorch._utils\n_rebuild_tensor_v2\n((")
            state.text("storage")
            state.code("ctorch\nFloatStorage\n")
            state.text("0")
            state.text("cpu")
            state.integer(values.count)
            state.code("NtQ")
            state.integer(start)
            var strides = shape
            for axis in shape.indices { strides[axis] = shape[(axis + 1)...].reduce(1, *) }
            for numbers in [shape, strides] {
                state.code("(")
                numbers.forEach { state.integer($0) }
                state.code("t")
            }
            state.bytes.append(0x89)  // needs no gradient
            state.code("ccollections\nOrderedDict\n)RtR")
        }
        state.code("u.")
        var storages = Pickle()
        storages.code("](")
        storages.text("0")
        storages.code("e.")
        let count = withUnsafeBytes(of: Int64(values.count).littleEndian) { Data($0) }
        return torchFile(state.bytes) + storages.bytes + count + data
    }

    private struct Pickle {
        var bytes = Data([0x80, 2])

        mutating func code(_ text: String) { bytes += Data(text.utf8) }

        mutating func text(_ text: String) {
            code("X")
            little(text.utf8.count)
            code(text)
        }

        mutating func integer(_ value: Int) {
            code("J")
            little(value)
        }

        private mutating func little(_ value: Int) {
            withUnsafeBytes(of: Int32(value).littleEndian) { bytes.append(contentsOf: $0) }
        }
    }
}

/// The start of what `torch.save` wrote before PyTorch 1.6, and the pickle of the contents.
func torchFile(_ contents: Data) -> Data {
    let magic: [UInt8] = [0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E]
    let version: [UInt8] = [0x80, 2, UInt8(ascii: "M"), 0xE9, 3, UInt8(ascii: ".")]
    var system = Data([0x80, 2])
    system += Data("}X".utf8)
    system += Data([13, 0, 0, 0])
    system += Data("little_endian".utf8)
    system += Data([0x88])
    system += Data("s.".utf8)
    return Data(magic + version) + system + contents
}
