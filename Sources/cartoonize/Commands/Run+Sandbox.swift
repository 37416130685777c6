import Files
import Foundation

/// What a run still may do once its arguments are settled.
extension Run {
    /// Before any image or model is read: writing only where images may go, as far as is known yet.
    static func confine(_ options: CartoonizeImage, _ search: PhotoSearch) throws {
        guard !options.sandbox.noSandbox else { return }
        var places: [String]
        switch options.output.output {
        case "-"?: places = []
        case let output?: places = [existing(search.isBatch ? output : FilePath(output).folder), output]
        case nil:
            places = search.photos.map { WebPhoto($0.path) == nil ? FilePath($0.path).folder : "." } + ["."]
            let state = search.isBatch ? StateFolder.root(ProcessInfo.processInfo.environment) : nil
            places += state.map { [existing($0)] } ?? []
        }
        places = Array(Set(places.map(FilePath.init)).map(\.string))
        let network = search.photos.contains { WebPhoto($0.path) != nil } || options.generation.readsAddress
        _ = try Sandbox(reading: nil, writing: options.batch.dryRun ? [] : places, allowsNetwork: network).enter()
    }

    /// Before the first image is decoded: reading only photos, model and libraries, writing only the images' folders.
    func confine(to plan: RunPlan) throws {
        guard !options.sandbox.noSandbox else {
            if output.verbose { Console.line("sandbox: off") }
            return
        }
        let places = batch.dryRun ? [] : plan.writtenPlaces.map(Self.existing)
        let photos = search.photos.map(\.path).filter { $0 != "-" && WebPhoto($0) == nil }
        // A rule a file for some; many lie in few folders.
        let files =
            photos.count <= 4096 ? photos : Array(Set(photos.map { FilePath(FilePath($0).folder) }).map(\.string))
        let folders = options.photo.filter { FileKind($0) == .folder }
        let outputs = batch.dryRun ? plan.writtenPlaces : []
        let strength = try Sandbox(
            reading: files + folders + outputs + modelFiles + additions.paths, writing: places,
            allowsNetwork: photos.count < search.photos.filter { $0.path != "-" }.count
        ).enter()
        if output.verbose { Console.line("sandbox: \(strength)") }
    }

    /// The model's folder or file, the models that come with the program, and where links in a model's folder lead.
    private var modelFiles: [String] {
        let location = settings.modelLocation.path
        let folders = [location] + contents(of: location).filter { FileKind($0) == .folder }
        let targets = folders.flatMap(contents).filter { FileKind($0, followingLinks: false) == .other }
            .map { URL(fileURLWithPath: $0).resolvingSymlinksInPath().path }
        return [location] + targets + ModelSearch.forThisProcess().embeddedFolders.map(\.path)
    }

    private func contents(of folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).map { FilePath(folder).appending($0) }
    }

    /// The folder, or the nearest above it that is there.
    private static func existing(_ folder: String) -> String {
        var folder = folder
        while FileKind(folder) == nil, folder != ".", folder != "/" {
            folder = FilePath(folder).withoutLastSlash.folder
        }
        return folder
    }
}

extension GenerationOptions {
    /// Whether `--params-from` names an address.
    fileprivate var readsAddress: Bool { paramsFrom.map { WebPhoto($0) != nil } ?? false }
}
