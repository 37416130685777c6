import Foundation
import ImageCodecs
import Testing

@testable import cartoonize

/// The size to work at and the shape of the photo.
struct SizeTests {
    private static let quick = ["--steps", "1", "--seed", "1"]

    private func folder(width: Int, height: Int) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.write("a.png", SamplePicture.png(width: width, height: height))
        return folder
    }

    @Test(arguments: [
        ("stretch", 96, 96, "is stretched to the aspect ratio of 96x96"), ("fit", 96, 72, "96x72 is what"),
        ("fill", 96, 96, "the middle 96x96 is used"),
    ])
    func anotherAspectRatioIsReported(resize: String, width: Int, height: Int, note: String) throws {
        let folder = try folder(width: 128, height: 96)
        let outcome = try Program.run(
            ["a.png", "-o", "o.png", "--size", "96x96", "--resize", resize] + Self.quick, in: folder)
        #expect(outcome.errors.contains(note), "\(outcome.errors)")
        let picture = try folder.picture("o.png")
        #expect(picture.width == width && picture.height == height)
        let same = try Program.run(["a.png", "-o", "p.png", "--size", "64x48"] + Self.quick, in: folder)
        #expect(!same.errors.contains("note"), "\(same.errors)")
    }

    /// What is filled is the picture of the photo cut to that shape.
    @Test func fillingIsCutting() throws {
        let folder = try folder(width: 128, height: 96)
        let whole = try folder.picture("a.png")
        var rgb: [UInt8] = []
        for row in 0..<96 { rgb += whole.rgb[(row * 128 + 16) * 3..<(row * 128 + 112) * 3] }
        try folder.write("cut.png", DecodedImage(width: 96, height: 96, rgb: rgb).png())
        let size = ["--size", "64x64"] + Self.quick
        _ = try Program.run(["a.png", "-o", "o.png", "--resize", "fill"] + size, in: folder)
        _ = try Program.run(["cut.png", "-o", "p.png"] + size, in: folder)
        #expect(try folder.data("o.png") == folder.data("p.png"))
    }

    /// To 64x64 pixels at least with the model that comes with the program, sides in proportion; larger ones stay.
    @Test(arguments: [
        ((16, 16), "64x64"), ((1, 1), "64x64"), ((32, 16), "90x44"), ((64, 64), "64x64"), ((100, 60), "100x60"),
        ((8, 4096), "8x4096"),
    ])
    func smallPicturesAreEnlarged(size: (Int, Int), working: String) throws {
        let folder = try folder(width: size.0, height: size.1)
        let outcome = try Program.run(["a.png", "--dry-run", "--json", "-q"], in: folder)
        let sides = working.split(separator: "x")
        #expect(outcome.outputText.contains("\"width\":\(sides[0])}"), "\(outcome.outputText)")
        #expect(outcome.outputText.contains("\"height\":\(sides[1]),"), "\(outcome.outputText)")
    }

    /// An icon comes out as an icon: near to what it was, at its size.
    @Test func iconsAreRecognizable() throws {
        let folder = try folder(width: 16, height: 16)
        let outcome = try Program.run(["a.png", "-o", "o.png"] + Self.quick, in: folder)
        #expect(outcome.errors.contains("the photo is small; it is worked at 64x64"), "\(outcome.errors)")
        let (photo, icon) = (try folder.picture("a.png"), try folder.picture("o.png"))
        #expect(icon.width == 16 && icon.height == 16)
        let differences = zip(photo.rgb, icon.rgb).map { abs(Int($0) - Int($1)) }
        #expect(Double(differences.reduce(0, +)) / Double(differences.count) < 25)
        // Somebody who sets the size gets it.
        let set = try Program.run(["a.png", "-o", "p.png", "--size", "16x16"] + Self.quick, in: folder)
        #expect(!set.errors.contains("note"), "\(set.errors)")
        let limited = try Program.run(["a.png", "-o", "q.png", "--max-pixels", "1024"] + Self.quick, in: folder)
        #expect(limited.errors.contains("worked at 32x32"), "\(limited.errors)")
    }
}
