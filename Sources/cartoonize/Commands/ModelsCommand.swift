import ArgumentParser
import Foundation
import StableDiffusion

/// Lists the models that a name can mean.
struct ModelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "List the installed models: name, kind, size on disk, where found, folder.")

    @Flag(help: "Print one JSON object for each model.")
    var json = false

    func run() throws {
        let entries = ModelSearch.forThisProcess().installed().map(Entry.init)
        guard !json else {
            for entry in entries { try StandardStreams.printResult(entry.jsonLine()) }
            return
        }
        let rows = entries.map { entry in
            let size = String(format: "%7.1f MB", Double(entry.bytes) / 1e6)
            return [entry.name, entry.kind ?? "damaged", size, entry.origin, entry.folder].map(singleLine)
        }
        for row in rows {
            let padded = row.indices.map { column in
                let width = rows.map { $0[column].count }.max() ?? 0
                return row[column] + String(repeating: " ", count: width - row[column].count)
            }
            try StandardStreams.printResult(padded.joined(separator: "  "))
        }
        if rows.isEmpty { Console.line("no models are installed") }
    }

    private struct Entry: Encodable {
        var name: String
        /// What the model's index says it is; nil when it cannot be read.
        var kind: String?
        var origin: String
        var bytes: Int
        var folder: String

        init(_ model: FoundModel) {
            name = model.name
            let index = try? ConfigurationFile.fields(of: model.location.appendingPathComponent(ModelSearch.index))
            kind = model.origin == .file ? "single file" : index?["_class_name"]?.string
            origin = model.origin.rawValue
            folder = model.location.path
            bytes = model.origin == .file ? Self.size(of: model.location) : Self.bytesOnDisk(in: model.location)
        }

        /// The sizes of the files below a folder; links, as the hub's cache has them, count as what they point to.
        private static func bytesOnDisk(in folder: URL) -> Int {
            let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
            return (files?.compactMap { $0 as? URL } ?? []).reduce(0) { $0 + size(of: $1) }
        }

        private static func size(of file: URL) -> Int {
            var status = stat()
            guard stat(file.path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return 0 }
            return Int(status.st_size)
        }
    }
}
