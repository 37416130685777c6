import Foundation
import ImageCodecs
import Testing

@Suite struct EXIFTests {
    private func segment(_ comment: String) -> [UInt8]? {
        EXIF.block(userComment: comment, metadata: ImageMetadata()).flatMap(EXIF.segment)
    }

    /// As exiftool and Pillow read it: text in its directory, resolution as fractions; places are not among it.
    @Test func metadataSurvives() throws {
        var metadata = ImageMetadata()
        for field in ImageMetadata.Field.allCases { metadata.texts[field] = "text of \(field.rawValue), é" }
        metadata.resolution = .init(across: 300, down: 72.5)
        let exif = EXIF(try #require(EXIF.block(userComment: "Steps: 20", metadata: metadata)))
        #expect(exif.metadata == metadata && exif.userComment == "Steps: 20")
        #expect(EXIF.block(userComment: nil, metadata: ImageMetadata()) == nil)
        metadata.texts[.artist] = String(repeating: "a", count: 2000)
        let long = EXIF(try #require(EXIF.block(userComment: nil, metadata: metadata)))
        #expect(long.metadata.texts[.artist] == nil && long.metadata.texts[.model] != nil)
    }

    @Test(arguments: ["Steps: 20", "漫画 🎨", "\u{4E00}"])
    func commentSurvives(comment: String) throws {
        let segment = try #require(self.segment(comment))
        #expect(segment.prefix(6).elementsEqual("Exif\0\0".utf8))
        #expect(EXIF(segment.dropFirst(6)).userComment == comment)
    }

    @Test func commentFillsSegmentExactly() {
        let overhead = 6 + 8 + 18 + 18 + 8
        let longest = (0xFFFF - 2 - overhead) / 2
        #expect(self.segment(String(repeating: "a", count: longest)) != nil)
        #expect(self.segment(String(repeating: "a", count: longest + 1)) == nil)
    }

    /// Offsets and counts that point outside, or back into the block, count as absent fields.
    @Test func survivesHostileBlocks() throws {
        let block = Array(try #require(self.segment("Steps: 20")).dropFirst(6))
        for length in 0..<block.count {
            #expect(EXIF(block.prefix(length)).userComment == nil)
        }
        var random = SeededGenerator(state: 5)
        for _ in 0..<20_000 {
            var mutated = block
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                mutated[Int.random(in: 0..<mutated.count, using: &random)] =
                    [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &random) ?? 0
            }
            let exif = EXIF(mutated)
            #expect((1...8).contains(exif.orientation.rawValue))
        }
        #expect(EXIF([UInt8](repeating: 0xFF, count: 1000)) == EXIF())
        let everythingPointsToItself = Array("MM\0*\0\0\0\0".utf8)
        #expect(EXIF(everythingPointsToItself) == EXIF())
    }

    @Test(arguments: [0, 9, 255, 65535])
    func unknownOrientationIsIgnored(value: Int) {
        let block = Array("MM\0*".utf8) + bigEndian(8) + [0, 1, 1, 0x12, 0, 4] + bigEndian(1) + bigEndian(value)
        #expect(EXIF(block).orientation == .asStored)
        #expect(EXIF(block.dropLast(4) + bigEndian(6)).orientation == .rotatedClockwise)
    }

    /// Each orientation against its definition in TIFF 6.0: where the stored first row and first column are shown.
    @Test func orientationsFollowTheirDefinition() {
        let width = 3, height = 2
        let stored = [UInt8](0..<6)
        let expected: [[UInt8]] = [
            [0, 1, 2, 3, 4, 5], [2, 1, 0, 5, 4, 3], [5, 4, 3, 2, 1, 0], [3, 4, 5, 0, 1, 2],
            [0, 3, 1, 4, 2, 5], [3, 0, 4, 1, 5, 2], [5, 2, 4, 1, 3, 0], [2, 5, 1, 4, 0, 3],
        ]
        for (orientation, shown) in zip(Orientation.allCases, expected) {
            #expect(orientation.apply(to: stored, width: width, height: height, channels: 1) == shown)
        }
    }
}
