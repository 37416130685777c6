import Checkpoints
import Foundation
import ImageCodecs
import ModelHub
import StableDiffusion

/// One reader of untrusted bytes, and what its inputs are made from.
///
/// An input may be taken or refused with one of this project's errors; everything else is a finding: a trap, a report of
/// a sanitizer, another error, too much time or memory.
package struct FuzzCase: Sendable {
    package let name: String
    /// Valid inputs, which mutations start from.
    let seeds: @Sendable () throws -> [[UInt8]]
    /// Words that mean something to the reader.
    var words: [String] = []
    /// Mends a mutated input's check sums and lengths, so that what is wrong with it lies deeper.
    var repair: @Sendable (inout [UInt8]) -> Void = { _ in }
    /// Reads an input; `scratch` is a folder for those readers that take files.
    let read: @Sendable (_ input: [UInt8], _ scratch: URL) throws -> Void

    /// Every case, in the order of the folder's files.
    package static let all = pictures + modelFiles + weightFiles + additions + hub

    /// Whether the reader took the input; false for one that it refused properly.
    package func takes(_ input: [UInt8], scratch: URL) throws -> Bool {
        do {
            try read(input, scratch)
            return true
        } catch let error where Self.isRefusal(error) {
            // The sentence for the user is made from the same untrusted bytes.
            precondition(!String(describing: error).isEmpty)
            return false
        }
    }

    private static func isRefusal(_ error: any Error) -> Bool {
        switch error {
        case is ImageError, is CheckpointError, is ConfigurationError, is SamplerError, is JSONError, is HubError: true
        default: false
        }
    }
}

extension FuzzCase {
    static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../..").standardizedFileURL

    /// The files of a folder of this repository whose names end so, in order.
    static func files(in folder: String, _ suffix: String) throws -> [[UInt8]] {
        let folder = repository.appendingPathComponent(folder)
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(suffix) }.sorted()
            .map { [UInt8](try Data(contentsOf: folder.appendingPathComponent($0))) }
    }

    static func file(_ path: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: repository.appendingPathComponent(path)))
    }
}

extension URL {
    /// The file of this name in the folder, with the given content.
    func writing(_ bytes: [UInt8], as name: String) throws -> URL {
        let file = appendingPathComponent(name)
        try Data(bytes).write(to: file)
        return file
    }
}
