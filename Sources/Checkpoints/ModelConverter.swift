import Files
import Foundation

/// The float format that a model is converted to.
public enum WeightPrecision: String, CaseIterable, Sendable {
    /// IEEE half precision: 2 bytes for each value.
    case float16
    /// IEEE single precision: 4 bytes for each value.
    case float32

    var dataType: DataType { self == .float16 ? .float16 : .float32 }
}

/// Turns a model of any kind this library reads into a diffusers folder of safetensors in one precision.
///
/// Tensors stream from the mapped source in chunks, so that memory does not grow with the model. The folder is built under
/// a temporary name beside the destination, which it takes when everything is written and synced: a destination that looks
/// complete is complete.
public struct ModelConverter {
    /// What happened to the values.
    public struct Report: Sendable {
        /// The tensors written, all parts together.
        public internal(set) var tensorCount = 0
        /// Finite values that float16 cannot hold and that became infinite, by `part/key`.
        public internal(set) var overflows: [String: Int] = [:]

        /// Nothing converted so far.
        public init() {}
    }

    /// Bytes of tensor data that will be written.
    public let outputBytes: Int
    /// Whether averaged weights were there beside the last ones (single files only).
    public let hasEMA: Bool
    /// Whether the source is one file in the single-file (LDM) layout.
    public let isSingleFile: Bool
    /// Whether the source has a tokenizer of its own.
    public let hasTokenizer: Bool
    private let parts: [PartConverter]
    private let smallFiles: [SmallFile]

    /// A file written as it is: configurations, tokenizer.
    private struct SmallFile {
        let path: String
        let contents: Data
    }

    /// Reads the source's headers and small files, and checks that a whole model is there.
    ///
    /// - Parameters:
    ///   - source: a diffusers folder, or one file in the single-file (LDM) layout.
    ///   - precision: of the weights that are written.
    ///   - useEMA: of a single file, the averaged UNet weights instead of the last ones.
    ///   - tokenizer: the folder whose tokenizer a source without one is given: single files have none.
    ///   - vae: an autoencoder in place of the source's own, which then may be missing.
    /// - Throws: `CheckpointError`.
    public init(
        source: URL, precision: WeightPrecision, useEMA: Bool = false, tokenizer: URL? = nil,
        vae: AutoencoderSource? = nil
    ) throws {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: source.path, isDirectory: &isFolder) else {
            throw CheckpointError.missingFile(file: source.path)
        }
        isSingleFile = !isFolder.boolValue
        if isFolder.boolValue {
            if useEMA {
                throw CheckpointError.unsupported(
                    file: source.path, reason: "averaged weights are chosen in single files only, and it is a folder")
            }
            hasEMA = false
            let ownTokenizer = source.appendingPathComponent("tokenizer")
            hasTokenizer = Self.tokenizerFileSets.contains { Self.missing($0, in: ownTokenizer) == nil }
            parts = try Self.parts(of: source, vae: vae, precision: precision)
            smallFiles = try Self.smallFiles(
                of: source, vae: vae, tokenizer: hasTokenizer ? ownTokenizer : tokenizer ?? ownTokenizer)
        } else {
            let single = try SingleFileCheckpoint(source, useEMA: useEMA, vae: vae)
            hasEMA = single.hasEMA
            hasTokenizer = false
            parts = try ModelPart.allCases.map {
                try PartConverter(
                    folder: $0.rawValue, weightName: $0.weightName, store: single.weightStore($0), precision: precision)
            }
            guard let tokenizer else {
                throw CheckpointError.unsupported(
                    file: source.path, reason: "it holds no tokenizer, and none was given")
            }
            smallFiles =
                try single.configurations.map { SmallFile(path: $0.key, contents: $0.value) }
                + Self.tokenizerFiles(of: tokenizer)
        }
        outputBytes = parts.reduce(0) { $0 + $1.outputBytes }
    }

    /// Writes the model.
    ///
    /// - Parameters:
    ///   - destination: a folder that does not exist yet, or an empty one.
    ///   - progress: called with the bytes written so far; what it throws ends the conversion, and nothing is left behind.
    /// - Throws: `CheckpointError`, `.destinationExists` among them.
    public func convert(
        to destination: URL, progress: (Int) throws -> Void = { _ in }
    ) throws -> Report {
        let path = destination.standardizedFileURL.path
        if let free = freeBytes(in: FilePath(path).folder), free < outputBytes {
            throw CheckpointError.cannotWrite(
                file: path, reason: "\(outputBytes) bytes are needed and \(free) are free")
        }
        let folder = try Self.makingFolder(path) { () throws(SystemError) in try AtomicFolder(path) }
        var report = Report()
        var written = 0
        for file in smallFiles {
            try writing(path) { () throws(SystemError) in
                let written = try AtomicFile(folder.path(file.path))
                try written.write(file.contents)
                try written.commit()
            }
        }
        for part in parts {
            let file = try writing(path) { () throws(SystemError) in try folder.path(part.path) }
            try part.write(to: URL(fileURLWithPath: file), report: &report) { count in
                written += count
                try progress(written)
            }
        }
        try Self.makingFolder(path) { () throws(SystemError) in try folder.commit() }
        return report
    }

    private static func makingFolder<Result>(
        _ path: String, _ body: () throws(SystemError) -> Result
    ) throws(CheckpointError) -> Result {
        do {
            return try body()
        } catch {
            throw [EEXIST, ENOTEMPTY].contains(error.code)
                ? .destinationExists(file: path) : .cannotWrite(file: path, reason: error.description)
        }
    }

    // MARK: - Sources

    /// The parts of a diffusers folder: the three that make images, and others that hold weights (a safety checker, an
    /// autoencoder for previews).
    private static func parts(
        of source: URL, vae: AutoencoderSource?, precision: WeightPrecision
    ) throws -> [PartConverter] {
        let required = ModelPart.allCases.map { ($0.rawValue, $0.weightName) }
        let optional = [("safety_checker", "model"), ("taesd", ModelPart.vae.weightName)].filter { folder, name in
            (try? weightFile(folder: source.appendingPathComponent(folder), name: name)) != nil
        }
        return try (required + optional).map { folder, name in
            let isReplaced = folder == ModelPart.vae.rawValue
            let store =
                try (isReplaced ? vae?.store : nil)
                ?? WeightStore(folder: source.appendingPathComponent(folder), name: name)
            return try PartConverter(folder: folder, weightName: name, store: store, precision: precision)
        }
    }

    /// The JSON and text files at the top of a diffusers folder and in its parts.
    private static func smallFiles(of source: URL, vae: AutoencoderSource?, tokenizer: URL) throws -> [SmallFile] {
        let vaeFile = vae?.configuration.map { SmallFile(path: "vae/config.json", contents: $0) }
        let needed =
            ["model_index.json", "scheduler/scheduler_config.json"]
            + ModelPart.allCases.filter { $0 != .vae || vaeFile == nil }.map { "\($0.rawValue)/config.json" }
        for path in needed {
            let url = source.appendingPathComponent(path)
            guard FileManager.default.fileExists(atPath: url.path) else {
                throw CheckpointError.missingFile(file: url.path)
            }
        }
        let folders = ["unet", "vae", "text_encoder", "scheduler", "safety_checker", "feature_extractor", "taesd"]
            .filter { $0 != "vae" || vaeFile == nil }
        return try smallFiles(in: source, path: "") + [vaeFile].compactMap { $0 }
            + folders.flatMap { try smallFiles(in: source.appendingPathComponent($0), path: "\($0)/") }
            + tokenizerFiles(of: tokenizer)
    }

    /// What a tokenizer takes: two files, or the one that newer versions of transformers write.
    private static let tokenizerFileSets = [["vocab.json", "merges.txt"], ["tokenizer.json"]]

    private static func tokenizerFiles(of folder: URL) throws -> [SmallFile] {
        let missing = tokenizerFileSets.map { Self.missing($0, in: folder) }
        if !missing.contains(nil), let file = missing[0] { throw CheckpointError.missingFile(file: file) }
        return try smallFiles(in: folder, path: "tokenizer/")
    }

    /// The first of these files that a folder lacks.
    private static func missing(_ names: [String], in folder: URL) -> String? {
        names.map { folder.appendingPathComponent($0).path }.first { !FileManager.default.fileExists(atPath: $0) }
    }

    private static func smallFiles(in folder: URL, path: String) throws -> [SmallFile] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return try names.sorted().compactMap { name in
            guard name.hasSuffix(".json") || name.hasSuffix(".txt"), !name.hasSuffix(".index.json"),
                !name.hasPrefix(".")
            else { return nil }
            let file = try MappedFile(folder.appendingPathComponent(name))
            guard file.count <= 1 << 25 else {
                throw CheckpointError.unsupported(file: file.path, reason: "it is too large for a configuration file")
            }
            return SmallFile(path: path + name, contents: Data(file.bytes.array))
        }
    }
}
