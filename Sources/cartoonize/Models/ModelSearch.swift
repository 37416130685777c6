import Checkpoints
import Files
import Foundation
import StableDiffusion

/// A model that was found, and where.
struct FoundModel: Equatable {
    enum Origin: String {
        case path
        case file = "single file"
        case data = "data folder"
        case hub = "Hugging Face cache"
        case embedded
    }

    /// The name that `--model` takes; for a path the folder's or file's own name.
    let name: String
    /// The model's folder, or the one file in the single-file (LDM) layout that it is.
    let location: URL
    let origin: Origin

    /// Reads and checks the configurations.
    ///
    /// - Parameter vae: an autoencoder in place of the model's own.
    func directory(_ search: ModelSearch, vae: URL? = nil) throws -> ModelDirectory {
        guard origin == .file else { return try ModelDirectory(location, vae: vae) }
        return try ModelDirectory(file: location, tokenizer: search.tokenizer(), vae: vae)
    }
}

/// Where models are looked for, in this order: a path, the user's data folder, the Hugging Face cache, the models that
/// come with the program.
struct ModelSearch {
    /// The file that makes a folder a model.
    static let index = "model_index.json"

    /// What files of weights are called.
    static let weightExtensions = ["safetensors", "ckpt", "pt", "pth", "bin"]

    /// `$CARTOONIZE_HOME/models`, or `models` in the program's XDG data folder.
    let dataFolder: URL
    /// The Hugging Face hub's cache.
    let hubFolder: URL
    /// The folders, relative to the executable, that hold the program's own models.
    let embeddedFolders: [URL]

    /// - Parameters:
    ///   - environment: the process's environment variables.
    ///   - executable: the path of the running program, symbolic links resolved.
    init(environment: [String: String], executable: URL) {
        func folder(_ variable: String) -> URL? {
            guard let value = environment[variable], !value.isEmpty else { return nil }
            return URL(fileURLWithPath: value, isDirectory: true)
        }
        let home = folder("HOME") ?? URL(fileURLWithPath: "/", isDirectory: true)
        let programData =
            folder("CARTOONIZE_HOME")
            ?? (folder("XDG_DATA_HOME") ?? home.appendingPathComponent(".local/share"))
            .appendingPathComponent("cartoonize")
        dataFolder = programData.appendingPathComponent("models")
        let hubHome =
            folder("HF_HOME")
            ?? (folder("XDG_CACHE_HOME") ?? home.appendingPathComponent(".cache")).appendingPathComponent("huggingface")
        hubFolder =
            folder("HF_HUB_CACHE") ?? folder("HUGGINGFACE_HUB_CACHE") ?? hubHome.appendingPathComponent("hub")
        embeddedFolders = Self.embeddedFolders(executable: executable)
    }

    /// The search that this process's environment and executable give.
    static func forThisProcess() -> ModelSearch {
        ModelSearch(environment: ProcessInfo.processInfo.environment, executable: ProcessStatus.executable)
    }

    /// `<prefix>/share/cartoonize/Models` for an installed program, and for one in a build folder `Models` of the
    /// package around it.
    private static func embeddedFolders(executable: URL) -> [URL] {
        let programFolder = executable.deletingLastPathComponent()
        var folders = [programFolder.deletingLastPathComponent().appendingPathComponent("share/cartoonize/Models")]
        var ancestor = programFolder
        while ancestor.path != "/" {
            ancestor.deleteLastPathComponent()
            if FileManager.default.fileExists(atPath: ancestor.appendingPathComponent("Package.swift").path) {
                folders.append(ancestor.appendingPathComponent("Models"))
                break
            }
        }
        return folders
    }

    /// Finds the model that `request` (a path or a name) means; without a request the embedded default.
    ///
    /// Throws a `CommandFailure` that names every place searched.
    func locate(_ request: String?) throws -> FoundModel {
        let request = request ?? defaultModelName
        var searched: [String] = []
        if let model = try locateByPath(request) { return model }
        if request.contains("/") { searched.append(request) }
        guard !request.isEmpty, !request.split(separator: "/").contains("..") else {
            throw notFound(request, searched: searched)
        }

        let named = { (model: FoundModel) in model.name == request || model.name.hasSuffix("/" + request) }
        let dataPlace = dataFolder.appendingPathComponent(request)
        if isModel(dataPlace) { return FoundModel(name: request, location: dataPlace, origin: .data) }
        if let model = models(in: dataFolder, origin: .data).first(where: named) { return model }
        searched.append(dataPlace.path)

        if let model = hubModel(atRevision: request) ?? hubModels().first(where: named) { return model }
        let hubPattern =
            request.contains("/")
            ? "models--" + request.replacingOccurrences(of: "/", with: "--") : "models--*--" + request
        searched.append(hubFolder.appendingPathComponent(hubPattern).path)

        for folder in embeddedFolders {
            let place = folder.appendingPathComponent(request)
            if isModel(place) { return FoundModel(name: request, location: place, origin: .embedded) }
            searched.append(place.path)
        }
        throw notFound(request, searched: searched)
    }

    /// The tokenizer of the model that comes with the program, CLIP's own: what single files of weights go without.
    func tokenizer() throws -> URL {
        try locate(defaultModelName).location.appendingPathComponent("tokenizer")
    }

    /// Every model with a name, in the order of the search.
    func installed() -> [FoundModel] {
        var models = models(in: dataFolder, origin: .data) + hubModels()
        for folder in embeddedFolders { models += self.models(in: folder, origin: .embedded) }
        return models
    }

    private func locateByPath(_ request: String) throws -> FoundModel? {
        let folder = URL(fileURLWithPath: request)
        var isFolder: ObjCBool = false
        guard !request.isEmpty, FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder) else {
            return nil
        }
        let looksLikePath = request.contains("/") || request == "." || request == ".."
        if !isFolder.boolValue, looksLikePath || Self.weightExtensions.contains(FilePath(request).fileExtension) {
            let name = FilePath(FilePath(request).name).withoutExtension
            return FoundModel(name: name, location: folder, origin: .file)
        }
        // A bare name that happens to be some other folder or file here is still a name.
        guard looksLikePath || isModel(folder) else { return nil }
        let name = folder.standardizedFileURL.lastPathComponent
        guard !isModel(folder) else { return FoundModel(name: name, location: folder, origin: .path) }
        // A repository that was unpacked into a folder of its own.
        let inner = contents(of: folder).map(folder.appendingPathComponent).filter(isModel)
        if inner.count == 1 { return FoundModel(name: name, location: inner[0], origin: .path) }
        if let file = checkpoint(in: folder) { return FoundModel(name: name, location: file, origin: .file) }
        throw CommandFailure(.model, "the folder \(request) holds no \(Self.index), so " + whatItIs(folder))
    }

    /// The file of weights in a folder that holds one, and no model in diffusers' layout.
    func checkpoint(in folder: URL) -> URL? {
        let isPart = partClass(of: folder) != nil || !parts(in: folder).isEmpty
        let files = isModel(folder) || isPart ? [] : checkpoints(in: folder)
        return files.count == 1 ? files[0] : nil
    }

    private func checkpoints(in folder: URL) -> [URL] {
        contents(of: folder).filter { Self.weightExtensions.contains(FilePath($0).fileExtension) && !$0.hasPrefix(".") }
            .map(folder.appendingPathComponent)
    }

    /// The class that a part of a model says it is of, in the folder's `config.json`.
    private func partClass(of folder: URL) -> String? {
        let fields = try? ConfigurationFile.fields(of: folder.appendingPathComponent("config.json"))
        return fields?["_class_name"]?.string ?? fields?["architectures"]?.strings?.first
    }

    /// The folders of a model's parts in a folder.
    private func parts(in folder: URL) -> [String] {
        contents(of: folder).filter { partClass(of: folder.appendingPathComponent($0)) != nil }
    }

    /// Completes "the folder holds no model_index.json, so".
    private func whatItIs(_ folder: URL) -> String {
        if let part = partClass(of: folder) {
            return part.contains("ControlNet")
                ? "it is a ControlNet, which steers another model, and no model itself"
                : "it is a \(singleLine(part.prefix(60).description)) alone, one part of a model; give the folder above it"
        }
        let parts = parts(in: folder)
        if !parts.isEmpty {
            return
                "it is no whole model: it holds \(firstNames(parts)), as what a training keeps on its way does; put them into "
                + "the folder of the model that was trained"
        }
        let models = contents(of: folder).filter { isModel(folder.appendingPathComponent($0)) }
        if !models.isEmpty { return "it is no model, but it holds some: \(firstNames(models)); give one of them" }
        let files = checkpoints(in: folder).map(\.lastPathComponent)
        guard files.count > 1 else { return "it is no model in diffusers' layout" }
        return
            "it is no model in diffusers' layout; it holds several files of weights (\(firstNames(files))), "
            + "of which one can be given"
    }

    private func isModel(_ folder: URL) -> Bool {
        FileManager.default.fileExists(atPath: folder.appendingPathComponent(Self.index).path)
    }

    /// Models right inside `folder`, or one level down for names like `org/name`.
    private func models(in folder: URL, origin: FoundModel.Origin) -> [FoundModel] {
        contents(of: folder).flatMap { name -> [FoundModel] in
            let place = folder.appendingPathComponent(name)
            if isModel(place) { return [FoundModel(name: name, location: place, origin: origin)] }
            return contents(of: place).compactMap { inner in
                let innerPlace = place.appendingPathComponent(inner)
                guard isModel(innerPlace) else { return nil }
                return FoundModel(name: name + "/" + inner, location: innerPlace, origin: origin)
            }
        }
    }

    /// Models in the hub's cache: `models--org--name/snapshots/<revision>`, of the revisions that are whole that of the
    /// branch `main` where the cache knows it; without a whole one, one that is not.
    private func hubModels() -> [FoundModel] {
        let prefix = "models--"
        return contents(of: hubFolder).compactMap { entry -> FoundModel? in
            guard entry.hasPrefix(prefix) else { return nil }
            let repository = hubFolder.appendingPathComponent(entry)
            let snapshots = repository.appendingPathComponent("snapshots")
            let revisions = [reference("main", of: repository)].compactMap { $0 } + contents(of: snapshots)
            let found = revisions.compactMap { hubModel(entry, snapshots.appendingPathComponent($0)) }
            return found.first { isWhole($0) } ?? found.first
        }
    }

    /// The model of the cache that `org/name@revision` means: a branch, a tag, or a commit or its start.
    private func hubModel(atRevision request: String) -> FoundModel? {
        let words = request.split(separator: "@", maxSplits: 1).map(String.init)
        guard words.count == 2, words[0].contains("/"), !words[1].contains("..") else { return nil }
        let entry = "models--" + words[0].replacingOccurrences(of: "/", with: "--")
        let repository = hubFolder.appendingPathComponent(entry)
        let snapshots = repository.appendingPathComponent("snapshots")
        let commits = contents(of: snapshots)
        let commit =
            reference(words[1], of: repository)
            ?? (words[1].count >= 7 ? commits.first { $0.hasPrefix(words[1]) } : commits.first { $0 == words[1] })
        guard let commit, let found = hubModel(entry, snapshots.appendingPathComponent(commit)) else { return nil }
        return FoundModel(name: request, location: found.location, origin: found.origin)
    }

    private func hubModel(_ entry: String, _ snapshot: URL) -> FoundModel? {
        let name = entry.dropFirst("models--".count).replacingOccurrences(of: "--", with: "/")
        if isModel(snapshot) { return FoundModel(name: name, location: snapshot, origin: .hub) }
        return checkpoint(in: snapshot).map { FoundModel(name: name, location: $0, origin: .file) }
    }

    /// The commit that a branch or tag of the cache leads to.
    private func reference(_ name: String, of repository: URL) -> String? {
        let file = repository.appendingPathComponent("refs").appendingPathComponent(name)
        guard let bytes = try? ConfigurationFile.bytes(of: file, limit: 256) else { return nil }
        let commit = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        return commit.isEmpty || commit.contains("/") ? nil : commit
    }

    /// Whether a snapshot's parts all have their weights: a download may have ended early.
    private func isWhole(_ model: FoundModel) -> Bool {
        model.origin == .file
            || ModelPart.allCases.allSatisfy { part in
                let folder = model.location.appendingPathComponent(part.rawValue)
                return FileManager.default.fileExists(atPath: folder.appendingPathComponent("config.json").path)
                    && missingWeightFiles(folder: folder, name: part.weightName).isEmpty
            }
    }

    func contents(of folder: URL) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
    }

    /// Whether a name is of the form `organization/name`, as the hub's are.
    private func isRepositoryName(_ request: String) -> Bool {
        request.wholeMatch(of: /[A-Za-z0-9][\w.-]*\/[\w.-]+(@[\w.-]+)?/) != nil
    }

    private func notFound(_ request: String, searched: [String]) -> CommandFailure {
        let names = installed().map(\.name)
        let near = nearNames(to: request, among: names).first
        return CommandFailure(
            .model,
            "no model '\(request)'" + (near.map { " (did you mean '\($0)'?)" } ?? "")
                + "; searched \(searched.joined(separator: ", "))"
                + (names.isEmpty ? "" : "; installed: \(names.joined(separator: ", "))")
                + (isRepositoryName(request) ? "; 'cartoonize pull \(request)' downloads it" : ""))
    }
}
