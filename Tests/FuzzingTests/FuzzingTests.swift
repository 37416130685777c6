import Foundation
import Fuzzing
import Testing

/// `make fuzz` is where the long run is; here what it found once, and a few inputs of each case.
@Suite struct FuzzingTests {
    /// A folder for a case's files, deleted with the value.
    private final class Scratch {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("fuzzing-\(UUID().uuidString)")

        init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }

        deinit { try? FileManager.default.removeItem(at: url) }
    }

    @Test(arguments: FuzzCase.all.map(\.name))
    func takesSeedsAndSurvivesMutations(name: String) throws {
        let fuzzCase = try #require(FuzzCase.all.first { $0.name == name })
        let mutator = try Mutator(fuzzCase)
        let scratch = try Scratch()
        let taken = try (0..<150).count { try fuzzCase.takes(mutator.input($0), scratch: scratch.url) }
        #expect(taken > 0)
    }

    /// Inputs that once crashed a reader, named CASE-WHAT in the folder Crashers.
    @Test func survivesWhatOnceCrashed() throws {
        let folder = try #require(Bundle.module.url(forResource: "Crashers", withExtension: nil))
        let scratch = try Scratch()
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() where name != "README.md"
        {
            let fuzzCase = try #require(FuzzCase.all.first { name.hasPrefix("\($0.name)-") }, "\(name)")
            let input = [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
            _ = try fuzzCase.takes(input, scratch: scratch.url)
        }
    }
}
