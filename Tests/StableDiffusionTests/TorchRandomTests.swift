import StableDiffusion
import TestSupport
import Testing

@Suite struct TorchRandomTests {
    /// Bit patterns, over calls of sizes that mix both of PyTorch's ways, on the same generator.
    @Test func sequencesAreTorchs() throws {
        var golden = try LittleEndianReader("random-normals.bin")
        var generators = 0
        while !golden.isAtEnd {
            let seed: UInt64 = try golden.integer()
            let calls: UInt32 = try golden.integer()
            var random = TorchRandom(seed: seed)
            for call in 0..<calls {
                let count: UInt32 = try golden.integer()
                let expected: [UInt32] = try (0..<count).map { _ in try golden.integer() }
                #expect(
                    differences(random.normal(count: Int(count)).map(\.bitPattern), expected) == nil,
                    "seed \(seed), call \(call) of \(count) values")
            }
            generators += 1
        }
        #expect(generators == 48)
    }

    @Test func aCopyGoesOnByItself() {
        var random = TorchRandom(seed: 7)
        _ = random.normal(count: 3)  // leaves one value cached
        var copy = random
        let values = random.normal(count: 40)
        #expect(differences(copy.normal(count: 40), values) == nil)
        #expect(random.normal(count: 40) != values)
    }

    @Test func noValuesLeaveTheGeneratorAsItWas() {
        var random = TorchRandom(seed: 7)
        #expect(random.normal(count: 0).isEmpty)
        var fresh = TorchRandom(seed: 7)
        #expect(random.normal(count: 16) == fresh.normal(count: 16))
    }
}
