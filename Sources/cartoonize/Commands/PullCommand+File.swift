import Checkpoints
import Files
import Foundation
import ModelHub
import StableDiffusion

extension PullCommand {
    /// Pulls one file: a model is converted; what is added to models goes where its option finds it by name.
    func pull(_ file: RemoteFile, from hub: Hub, _ retry: Retry, _ style: ProgressDisplay.Style) throws {
        let search = ModelSearch.forThisProcess()
        let name = FilePath(file.name).withoutExtension
        for kind in Addition.allCases where !force {
            let place = place(of: file, kind, search)
            guard FileKind(place.path) == nil else {
                throw CommandFailure(.output, "\(place.path) exists already; --force replaces it")
            }
        }
        var download: ByteProgress?
        var ready = "--model \(name)"
        let home = search.dataFolder.deletingLastPathComponent()
        let pulled = try FilePull(file, from: hub, precision: dtype, retry: retry).run(
            destination: search.dataFolder.appendingPathComponent(name),
            originals: keepOriginals ? home.appendingPathComponent("originals/\(name)") : nil, replacing: force,
            planned: { bytes in
                if !quiet || dryRun { Console.line("\(file): \(byteCountText(bytes)) to download") }
                if dryRun { throw DryRunEnded() }
                download = ByteProgress(style: style, label: "downloading", total: bytes)
            },
            progress: { download?.show($0) },
            place: { original in
                download?.finish()
                guard let kind = try Addition(WeightUse(of: original)) else {
                    return .converted { folder in try convert(original, to: folder, search, style) }
                }
                let target = place(of: file, kind, search)
                let isInFolder = kind.fileNames.contains(file.name)
                let shown = isInFolder ? target.deletingLastPathComponent().lastPathComponent : name
                ready = "\(kind.option) \(shown)"
                return .kept(target)
            })
        if !quiet {
            Console.line(
                pulled == nil ? "\(file) is there; --force pulls it again" : "ready: cartoonize PHOTO \(ready)")
        }
        try StandardStreams.printPath((pulled ?? search.dataFolder.appendingPathComponent(name)).path)
    }

    /// Where an addition goes; a file whose name says nothing lies in a folder with the repository's.
    private func place(of file: RemoteFile, _ kind: Addition, _ search: ModelSearch) -> URL {
        let folder = search.dataFolder.deletingLastPathComponent().appendingPathComponent(kind.folder)
        guard kind.fileNames.contains(file.name), let repository = file.repositoryName else {
            return folder.appendingPathComponent(file.name)
        }
        return folder.appendingPathComponent(repository).appendingPathComponent(file.name)
    }

    /// Makes a model's folder of a file, if it is a model that works here.
    private func convert(
        _ file: URL, to folder: URL, _ search: ModelSearch, _ style: ProgressDisplay.Style
    ) throws {
        let tokenizer = try search.tokenizer()
        let converter = try ModelConverter(source: file, precision: dtype, tokenizer: tokenizer)
        let model = try ModelDirectory(file: file, tokenizer: tokenizer)
        _ = try ModelSurvey(model)
        if !quiet { for note in model.notes { Console.line("note: \(note)") } }
        var progress = ByteProgress(style: style, label: "converting", total: converter.outputBytes)
        defer { progress.finish() }
        try converter.convert(to: folder, progress: { progress.show($0) }).warnOfOverflows()
    }
}

extension Addition {
    /// nil for a model.
    fileprivate init?(_ use: WeightUse) {
        switch use {
        case .model: return nil
        case .lora: self = .lora
        case .embedding: self = .embedding
        case .vae: self = .vae
        }
    }
}
