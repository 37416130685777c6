import Checkpoints
import Foundation
import Testing

@Suite struct WeightStoreTests {
    private let mixedFile = "mixed.safetensors"

    private func mixed() throws -> WeightStore {
        try WeightStore(folder: fixture(""), name: "mixed")
    }

    @Test func scopesSharePrefixAndRecord() throws {
        let store = try mixed()
        let conv = store.scoped("conv")
        #expect(conv.contains("weight") && !conv.contains("conv.weight") && !store.contains("weight"))
        let weight = try conv.tensor("weight", shape: [3, 2, 3, 3])
        #expect(weight.key == "conv.weight" && weight.withBytes(\.count) == 3 * 2 * 3 * 3 * 4)
        #expect(conv.unreadKeys == ["conv.bias"])
        #expect(store.unreadKeys == ["conv.bias", "name with \"quotes\" and é", "norm.weight", "scalar"])
        let file = try fixture(mixedFile).path
        #expect(
            checkpointError { try conv.requireAllRead() } == .unreadTensors(file: file, keys: ["conv.bias"]))
        _ = try conv.tensor("bias", shape: [3])
        try conv.requireAllRead()
    }

    @Test func catalogsOpenWithoutReadingAgain() throws {
        let folder = try TemporaryFolder()
        let bytes = safetensors(
            #"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}"#, data: [0, 0, 128, 63, 0, 0, 0, 64])
        let file = try folder.write(bytes, as: "model.safetensors")
        func isMapped() throws -> Bool {
            // Whole: the kernel gives out a page at a time, and a read of the file's size would end there.
            let maps = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/proc/self/maps")).readToEnd()
            return maps?.range(of: Data(file.path.utf8)) != nil
        }
        let catalog = WeightCatalog(try WeightStore(folder: folder.url, name: "model"))
        #expect(catalog.fileBytes == bytes.count)
        #expect(try !isMapped())
        do {
            let tensor = try catalog.open().tensor("a", shape: [2])
            #expect(try float32Bits(tensor) == [Float(1).bitPattern, Float(2).bitPattern])
            #expect(try withExtendedLifetime(tensor, isMapped))
            // What one store has read is nothing to the next.
            #expect(try catalog.open().unreadKeys == ["a"])
        }
        #expect(try !isMapped())
        _ = try folder.write(bytes + [0], as: "model.safetensors")
        #expect(checkpointError { _ = try catalog.open() } == .changed(file: file.path))
    }

    @Test func missingTensorsNameTheirNeighbours() throws {
        let error = checkpointError { _ = try mixed().scoped("conv").tensor("weigth", shape: [1]) }
        guard case .missingTensor("conv.weigth", _, let nearNames)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(nearNames.first == "conv.weight")
        #expect(
            "\(try #require(error))".contains("mixed.safetensors has no tensor conv.weigth (near names: conv.weight"))
    }

    @Test func misshapenTensorsNameBothShapes() throws {
        let error = try #require(checkpointError { _ = try mixed().tensor("conv.bias", shape: [3, 1]) })
        let file = try fixture(mixedFile).path
        #expect(error == .misshapenTensor(key: "conv.bias", file: file, expected: [3, 1], found: [3]))
        #expect("\(error)".contains("should have the shape [3, 1] but has [3]"))
    }

    @Test func integersAreNoWeights() throws {
        let error = checkpointError { _ = try mixed().tensor("embeddings.position_ids", shape: [1, 7]) }
        let file = try fixture(mixedFile).path
        #expect(error == .unsupportedDataType(key: "embeddings.position_ids", file: file, dataType: "I64"))
    }

    @Test func shardsAreOneStore() throws {
        let store = try WeightStore(folder: fixture(""), name: "sharded")
        #expect(store.tensors.map(\.key) == ["a.bias", "a.weight", "b.weight"])
        for (key, shape) in [("a.bias", [2]), ("a.weight", [2, 3]), ("b.weight", [4])] {
            _ = try store.tensor(key, shape: shape)
        }
        try store.requireAllRead()
    }

    @Test func missingWeightsSayWhatWasLookedFor() throws {
        let folder = try TemporaryFolder()
        let error = try #require(checkpointError { _ = try WeightStore(folder: folder.url, name: "model") })
        #expect("\(error)".contains("holds no weights: looked for model.safetensors, model.safetensors.index.json"))
    }

    @Test(arguments: [
        (#"{"weight_map":{"a":"../a.safetensors"}}"#, "not a plain file name"),
        (#"{"weight_map":{"a":"/etc/passwd"}}"#, "not a plain file name"),
        (#"{"weight_map":{"a":".."}}"#, "not a plain file name"),
        (#"{"weight_map":{"a":"a.safetensors\u0000"}}"#, "not a plain file name"),
        (#"{"weight_map":{}}"#, "names 0 files"),
        (#"{}"#, "names 0 files"),
        (#"{"weight_map":{"a":"a.safetensors","a":"a.safetensors"}}"#, "lists a twice"),
        (#"{"weight_map":{"a":"a.safetensors","b":"a.safetensors"}}"#, "has no tensor b"),
        (#"{"weight_map":{"b":"a.safetensors"}}"#, "does not place a there"),
        (#"{"weight_map":{"a":"missing.safetensors"}}"#, "does not exist"),
        (#"{"weight_map":{"a":1}}"#, "expected “\"” at byte 19"),
        (#"{"metadata":{"x":[1,-2.5e+3,true,false,null,"é",{}]},"weight_map":{"a":"a.safetensors"}"#, "ends too early"),
        (#"{"metadata":nul}"#, "expected a value"), (#"{"metadata":-}"#, "expected a value"),
        (#"{"metadata":1.}"#, "expected a value"), (#"{"metadata":+1}"#, "expected a value"),
        (#"{"metadata":01}"#, "expected a value"), (#"{"metadata":1e}"#, "expected a value"),
    ])
    func brokenIndexesAreNamed(_ index: String, _ words: String) throws {
        let folder = try TemporaryFolder()
        let shard = #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#
        _ = try folder.write(safetensors(shard, data: [0]), as: "a.safetensors")
        _ = try folder.write(index.utf8, as: "model.safetensors.index.json")
        let error = try #require(checkpointError { _ = try WeightStore(folder: folder.url, name: "model") })
        #expect("\(error)".contains(words), "\(error)")
    }

    @Test func indexMetadataIsSkipped() throws {
        let folder = try TemporaryFolder()
        let shard = #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#
        _ = try folder.write(safetensors(shard, data: [0]), as: "a.safetensors")
        let index = #"{"metadata":{"x":[1,-2.5e+3,true,false,null,"é",{}]},"weight_map":{"a":"a.safetensors"}}"#
        _ = try folder.write(index.utf8, as: "model.safetensors.index.json")
        #expect(try WeightStore(folder: folder.url, name: "model").contains("a"))
    }

    @Test func messagesCannotWriteToTheTerminal() throws {
        let key = "\u{1B}[2J\u{202E}" + String(repeating: "k", count: 10_000)
        let message = "\(CheckpointError.missingTensor(key: key, file: "a\nb", nearNames: []))"
        #expect(message.count < 400)
        #expect(message.hasPrefix(#"a\u{a}b has no tensor \u{1b}[2J\u{202e}kkk"#))
    }
}
