import Foundation
import ImageCodecs

/// A folder of a test's own, removed with it.
final class TemporaryFolder {
    let url: URL
    var path: String { url.path }

    init() throws {
        url = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
            .appendingPathComponent("cartoonize-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: url)
    }

    /// All files and folders below, hidden ones too.
    var contents: [String] {
        (FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []).sorted()
    }

    @discardableResult
    func write(_ name: String, _ data: Data) throws -> URL {
        let file = url.appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try data.write(to: file)
        return file
    }

    func data(_ name: String) throws -> Data {
        try Data(contentsOf: url.appendingPathComponent(name))
    }

    func picture(_ name: String) throws -> DecodedImage {
        try ImageFile.decode(data(name))
    }

    /// A folder that holds a working model whose files may be replaced: links to the model that comes with the program.
    func makeModel(_ name: String = "model") throws -> URL {
        let original = Program.modelsFolder.appendingPathComponent("cartoonizer-mini")
        let copy = url.appendingPathComponent(name)
        let files = FileManager.default.enumerator(atPath: original.path)?.compactMap { $0 as? String } ?? []
        for file in files where !file.hasSuffix(".md") {
            let source = original.appendingPathComponent(file)
            let target = copy.appendingPathComponent(file)
            if try source.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true { continue }
            try FileManager.default.createDirectory(
                at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(at: target, withDestinationURL: source)
        }
        return copy
    }
}

/// Pictures made by a formula.
enum SamplePicture {
    static func gradient(width: Int, height: Int, alpha: [UInt8]? = nil, iccProfile: Data? = nil) -> DecodedImage {
        var rgb: [UInt8] = []
        for y in 0..<height {
            for x in 0..<width {
                rgb += [UInt8(x * 255 / width), UInt8(y * 255 / height), UInt8((x ^ y) & 255)]
            }
        }
        return DecodedImage(width: width, height: height, rgb: rgb, alpha: alpha, iccProfile: iccProfile)
    }

    static func png(width: Int = 16, height: Int = 16) throws -> Data {
        try gradient(width: width, height: height).png()
    }

    static func jpeg(width: Int = 16, height: Int = 16) throws -> Data {
        try gradient(width: width, height: height).jpeg(quality: 90)
    }
}
