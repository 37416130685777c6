import Foundation
import ImageCodecs
import Testing

/// `Tests/Example`, the package that shows how others use the libraries; it is built as a part of this one, too.
struct ExampleTests {
    @Test func itsImageIsTheProgramsOwn() throws {
        let folder = try TemporaryFolder()
        try folder.write("photo.png", SamplePicture.png(width: 256, height: 256))
        let model = Program.modelsFolder.appendingPathComponent("cartoonizer-mini").path
        let example = Process()
        example.executableURL = URL(fileURLWithPath: Program.path).deletingLastPathComponent()
            .appendingPathComponent("Example")
        example.arguments = [model, folder.path + "/photo.png", folder.path + "/example.png"]
        try example.run()
        example.waitUntilExit()
        #expect(example.terminationStatus == 0)
        let outcome = try Program.run(["photo.png", "-o", "own.png", "--seed", "1", "--model", model], in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try folder.picture("example.png").rgb == folder.picture("own.png").rgb)
    }

    /// What the package asks this one for is what this one offers.
    @Test func theProductsItNamesExist() throws {
        let root = Program.modelsFolder.deletingLastPathComponent()
        func manifest(_ path: String) throws -> String {
            try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
        }
        let named = try manifest("Tests/Example/Package.swift")
            .matches(of: /\.product\(name: "(\w+)", package: "cartoonize"/)
        let offered = try manifest("Package.swift").matches(of: /\.library\(name: "(\w+)"/).map { $0.1 }
        #expect(!named.isEmpty)
        for product in named { #expect(offered.contains(product.1), "\(product.1)") }
    }
}
