import ArgumentParser
import Foundation

/// Lists the models that a name can mean.
struct ModelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "List the installed models: name, size on disk, where found, folder.")

    @Flag(help: "Print one JSON object a model.")
    var json = false

    func run() throws {
        let entries = ModelSearch.forThisProcess().installed().map(Entry.init)
        guard !json else {
            for entry in entries { try StandardStreams.printResult(entry.jsonLine()) }
            return
        }
        let nameWidth = entries.map(\.name.count).max() ?? 0
        let originWidth = entries.map(\.origin.count).max() ?? 0
        for entry in entries {
            let size = String(format: "%7.1f MB", Double(entry.bytes) / 1e6)
            let name = entry.name.padding(toLength: nameWidth, withPad: " ", startingAt: 0)
            let origin = entry.origin.padding(toLength: originWidth, withPad: " ", startingAt: 0)
            try StandardStreams.printResult("\(singleLine(name))  \(size)  \(origin)  \(singleLine(entry.folder))")
        }
        if entries.isEmpty { Console.line("no models are installed") }
    }

    private struct Entry: Encodable {
        var name: String
        var origin: String
        var bytes: Int
        var folder: String

        init(_ model: FoundModel) {
            name = model.name
            origin = model.origin.rawValue
            folder = model.folder.path
            bytes = Self.bytesOnDisk(in: model.folder)
        }

        /// The sizes of the files below a folder; links, as the hub's cache has them, count as what they point to.
        private static func bytesOnDisk(in folder: URL) -> Int {
            let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
            return (files?.compactMap { $0 as? URL } ?? []).reduce(0) { total, file in
                var status = stat()
                guard stat(file.path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return total }
                return total + Int(status.st_size)
            }
        }
    }
}
