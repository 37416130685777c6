import Checkpoints
import Foundation
import TestSupport
import Testing

@Suite struct SafetensorsWriterTests {
    @Test(arguments: ["mixed.safetensors", "sharded-00001-of-00002.safetensors"])
    func writesTheReferencesBytes(_ name: String) throws {
        let source = try SafetensorsFile(fixture(name))
        let folder = try TemporaryFolder()
        let url = folder.url.appendingPathComponent("copy.safetensors")
        let writer = try SafetensorsWriter(
            url,
            tensors: source.tensors.reversed().map { .init(key: $0.key, dataType: $0.dataType, shape: $0.shape) })
        let byKey = Dictionary(uniqueKeysWithValues: source.tensors.map { ($0.key, $0) })
        for tensor in writer.tensors {
            let stored = try #require(byKey[tensor.key]).stored()
            try stored.withBytes { bytes in
                let middle = bytes.count / 3  // chunks need not be whole tensors or whole values
                try writer.append(UnsafeRawBufferPointer(rebasing: bytes[..<middle]))
                try writer.append(UnsafeRawBufferPointer(rebasing: bytes[middle...]))
            }
        }
        #expect(!FileManager.default.fileExists(atPath: url.path))
        try writer.finish()
        #expect(try differences(Data(contentsOf: url), Data(contentsOf: fixture(name))) == nil)
        #expect(try folder.names == ["copy.safetensors"])
    }

    @Test func hostileKeysSurviveTheRoundTrip() throws {
        let folder = try TemporaryFolder()
        let url = folder.url.appendingPathComponent("a.safetensors")
        let keys = ["quote\"", "back\\slash", "line\nbreak\r\t", "\u{0}\u{1F}\u{7F}", "é\u{1F600}", ""]
        let writer = try SafetensorsWriter(url, tensors: keys.map { .init(key: $0, dataType: .uint8, shape: [0]) })
        try writer.finish()
        #expect(Set(try SafetensorsFile(url).tensors.map(\.key)) == Set(keys))
    }

    @Test func abandonedFilesLeaveNothing() throws {
        let folder = try TemporaryFolder()
        let url = try folder.write([1, 2, 3], as: "a.safetensors")
        do {
            let writer = try SafetensorsWriter(url, tensors: [.init(key: "a", dataType: .float32, shape: [2])])
            try withUnsafeBytes(of: Float(1)) { try writer.append($0) }
            #expect(try folder.names.count == 2)
        }
        #expect(try folder.names == ["a.safetensors"])
        #expect(try Data(contentsOf: url) == Data([1, 2, 3]))
    }

    @Test func unwritablePlacesAreNamed() throws {
        let folder = try TemporaryFolder()
        let url = folder.url.appendingPathComponent("missing/a.safetensors")
        #expect(
            checkpointError { _ = try SafetensorsWriter(url, tensors: []) }
                == .cannotWrite(file: url.path, reason: "No such file or directory"))
    }
}
