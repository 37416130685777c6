import Checkpoints
import Foundation
import TestSupport
import Testing

@Suite struct SafetensorsFileTests {
    @Test(arguments: [
        "mixed.safetensors", "sharded-00001-of-00002.safetensors", "sharded-00002-of-00002.safetensors",
    ])
    func readsWhatTheReferenceReads(_ name: String) throws {
        let goldens = try JSONDecoder().decode(
            [String: [String: ExpectedTensor]].self, from: Data(contentsOf: fixture("safetensors.json")))
        let expected = try #require(goldens[name])
        let file = try SafetensorsFile(fixture(name))
        #expect(Set(file.tensors.map(\.key)) == Set(expected.keys))
        #expect(file.metadata == ["format": "pt"])
        for entry in file.tensors {
            let golden = try #require(expected[entry.key])
            #expect(entry.dataType.rawValue == golden.dtype)
            #expect(entry.shape == golden.shape)
            #expect(try differences(float32Bits(entry.stored()), golden.bits) == nil, "\(entry.key)")
        }
    }

    @Test func tensorsOutliveTheFileObject() throws {
        let tensor = try #require(
            try SafetensorsFile(fixture("mixed.safetensors")).tensors.first { $0.key == "scalar" }?.stored())
        #expect(try float32Bits(tensor) == [Float(2.5).bitPattern])
    }

    @Test func paddingAndEscapesAreRead() throws {
        let folder = try TemporaryFolder()
        let header = #"{ "a\u00e9\ud83d\ude00\n" : {"shape":[],"dtype":"U8","data_offsets":[0,1]} }    "#
        let file = try SafetensorsFile(folder.write(safetensors(header, data: [9]), as: "a.safetensors"))
        #expect(file.tensors.map(\.key) == ["a\u{e9}\u{1F600}\n"])
        #expect(file.tensors.first.map { $0.stored().withBytes { [UInt8]($0) } } == [9])
    }

    /// Ten thousand notes are kept; the others are passed over, but not unchecked.
    @Test func floodsOfNotesAreReadOver() throws {
        let folder = try TemporaryFolder()
        func notes(_ last: String) -> [UInt8] {
            let many = (0..<20_000).map { #""\#($0)":"a""# }.joined(separator: ",")
            return safetensors(#"{"__metadata__":{\#(many),\#(last)}}"#)
        }
        let file = try SafetensorsFile(folder.write(notes(#""\u00e9 \"":"é""#), as: "a.safetensors"))
        #expect(file.metadata.count == 10_000 && file.metadata["9999"] == "a")
        for (wrong, reason) in [
            (#""a":1"#, "expected “\""), (#""a":"\x""#, "unknown escape"), ("\"a\u{1}\":\"\"", "control character"),
            (#""a":"b"#, "ends too early"), (#""a""#, "expected “:”"),
        ] {
            let url = try folder.write(notes(wrong), as: "b.safetensors")
            let error = try #require(thrownError(CheckpointError.self) { try SafetensorsFile(url) })
            #expect("\(error)".contains(reason), "\(error)")
        }
    }

    @Test func emptyHeaderHoldsNothing() throws {
        let folder = try TemporaryFolder()
        #expect(try SafetensorsFile(folder.write(safetensors("{}"), as: "a.safetensors")).tensors.isEmpty)
    }

    /// Headers that break the format, and a part of the sentence that must say how.
    @Test(arguments: [
        ("", "does not start"), (" {}", "does not start"), ("[]", "does not start"), ("{", "ends too early"),
        ("{}x", "text after the value"), ("{\"a\"}", "expected “:”"), ("{\"a\":1}", "expected “{”"),
        ("{\"a\":{}}", "lacks its dtype"), ("{\"a", "ends too early"), ("{\"\\x\":{}}", "unknown escape"),
        ("{\"\\ud800\":{}}", "surrogate"), ("{\"\\ud800\\u0041\":{}}", "surrogate"),
        ("{\"\\u00g0\":{}}", "unknown escape"),
        ("{\"a\u{1}\":{}}", "control character"), ("{\"\\n\u{1}\":{}}", "control character"),
        (
            #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
            "twice"
        ),
        (#"{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, "dtype twice"),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}"#, "unknown field x"),
        (#"{"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}"#, "unknown dtype F33"),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}"#, "lacks"),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}"#, "more than 2 numbers"),
        (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, "non-negative integer"),
        (#"{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}"#, "non-negative integer"),
        (#"{"a":{"dtype":"F32","shape":[1e0],"data_offsets":[0,4]}}"#, "non-negative integer"),
        (#"{"a":{"dtype":"F32","shape":[01],"data_offsets":[0,4]}}"#, "starts with 0"),
        (#"{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}}"#, "non-negative integer"),
        (#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}}"#, "is not what F32"),
        (#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#, "is not what F32"),
        (#"{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}}"#, "more than 16"),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, "is not what F32 [2] takes"),
        (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, "ends before it begins"),
        (
            #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[3],"data_offsets":[1,4]}}"#,
            "overlaps"
        ),
        (
            #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}}"#,
            "gap"
        ),
        (#"{"a":{"dtype":"U8","shape":[3],"data_offsets":[1,4]}}"#, "gap"),
        (#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#, "2 bytes follow"),
        (#"{"__metadata__":{"a":1}}"#, "expected “\"”"),
    ])
    func brokenHeadersAreNamed(_ header: String, _ words: String) throws {
        let folder = try TemporaryFolder()
        let url = try folder.write(safetensors(header, data: [0, 0, 0, 0]), as: "a.safetensors")
        guard case .malformed(url.path, let reason)? = checkpointError({ _ = try SafetensorsFile(url) }) else {
            Issue.record("\(header) is not called malformed")
            return
        }
        #expect(reason.contains(words), "\(reason)")
    }

    @Test func invalidUTF8IsRefused() throws {
        let folder = try TemporaryFolder()
        for key in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x82]] as [[UInt8]] {
            let text = Array("{\"".utf8) + key + Array("\":{}}".utf8)
            let url = try folder.write([UInt8(text.count), 0, 0, 0, 0, 0, 0, 0] + text, as: "a.safetensors")
            let message = "\(try #require(checkpointError { _ = try SafetensorsFile(url) }))"
            #expect(message.contains("not valid UTF-8"), "\(message)")
        }
    }

    @Test func everyTruncationIsRefused() throws {
        let folder = try TemporaryFolder()
        let whole = try Data(contentsOf: fixture("mixed.safetensors"))
        for length in 0..<whole.count {
            let url = try folder.write(whole.prefix(length), as: "a.safetensors")
            switch checkpointError({ _ = try SafetensorsFile(url) }) {
            case .emptyFile: #expect(length == 0)
            case .truncated(_, _, let found): #expect(found == length)
            default: Issue.record("\(length) bytes are not called truncated")
            }
        }
    }

    @Test func headerLengthIsBounded() throws {
        let folder = try TemporaryFolder()
        for length in [100_000_001, UInt64(Int.max), UInt64.max] {
            let bytes = withUnsafeBytes(of: length.littleEndian) { Array($0) } + Array("{}".utf8)
            let url = try folder.write(bytes, as: "a.safetensors")
            let message = "\(try #require(checkpointError { _ = try SafetensorsFile(url) }))"
            #expect(message.contains("claims \(length) bytes"), "\(message)")
        }
    }

    @Test func tensorCountIsBounded() throws {
        let folder = try TemporaryFolder()
        let members = (0...100_000).map { #""\#($0)":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"# }
        let url = try folder.write(safetensors("{\(members.joined(separator: ","))}"), as: "a.safetensors")
        let message = "\(try #require(checkpointError { _ = try SafetensorsFile(url) }))"
        #expect(message.contains("more than 100000 tensors"), "\(message)")
    }

    @Test func nestingDoesNotExhaustTheStack() throws {
        let folder = try TemporaryFolder()
        let deep = String(repeating: "[", count: 5_000_000)
        for header in ["{\"a\":\(deep)", "{\"a\":{\"shape\":\(deep)", String(repeating: "{\"a\":", count: 1_000_000)] {
            let url = try folder.write(safetensors(header), as: "a.safetensors")
            guard case .malformed? = checkpointError({ _ = try SafetensorsFile(url) }) else {
                Issue.record("\(header.prefix(20))... is not called malformed")
                return
            }
        }
    }

    @Test func filesThatAreNoFilesAreNamed() throws {
        let folder = try TemporaryFolder()
        let missing = folder.url.appendingPathComponent("missing")
        #expect(checkpointError { _ = try SafetensorsFile(missing) } == .missingFile(file: missing.path))
        #expect(checkpointError { _ = try SafetensorsFile(folder.url) } == .directory(file: folder.url.path))
        let pipe = folder.url.appendingPathComponent("pipe")
        #expect(mkfifo(pipe.path, 0o600) == 0)
        #expect(checkpointError { _ = try SafetensorsFile(pipe) } == .notRegular(file: pipe.path))
        #expect(
            checkpointError { _ = try SafetensorsFile(URL(fileURLWithPath: "/dev/zero")) }
                == .notRegular(file: "/dev/zero"))
    }

    @Test(.enabled(if: geteuid() != 0, "root reads everything")) func unreadableFilesAreNamed() throws {
        let folder = try TemporaryFolder()
        let url = try folder.write(safetensors("{}"), as: "a.safetensors")
        #expect(chmod(url.path, 0) == 0)
        #expect(
            checkpointError { _ = try SafetensorsFile(url) } == .unreadable(file: url.path, reason: "Permission denied")
        )
    }

    /// Whatever the bytes, the reader throws a `CheckpointError` or yields tensors that lie in the file.
    @Test func mutationsNeverCrash() throws {
        let folder = try TemporaryFolder()
        let original = [UInt8](try Data(contentsOf: fixture("mixed.safetensors")))
        var random = SplitMix64(state: 1)
        var refused = 0
        for _ in 0..<4_000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                // Most of the structure is in the header: aim there.
                let index = Int.random(in: 0..<(Bool.random(using: &random) ? 520 : bytes.count), using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 1: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 2: bytes[index] = Array("{}[]\":,0123456789\\eE.-".utf8).randomElement(using: &random) ?? 0
                default: bytes.remove(at: index)
                }
            }
            let url = try folder.write(bytes, as: "mutant.safetensors")
            do {
                for tensor in try SafetensorsFile(url).tensors {
                    #expect(tensor.shape.reduce(tensor.dataType.byteCount, *) == tensor.stored().withBytes(\.count))
                }
            } catch is CheckpointError {
                refused += 1
            }
        }
        #expect(refused > 1_000)
    }
}
