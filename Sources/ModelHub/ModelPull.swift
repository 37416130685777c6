import Checkpoints
import Foundation
import HTTPClient

/// Brings a model from a hub and turns it into a folder of safetensors, part by part.
///
/// Everything happens in a hidden folder beside the destination: `original/` takes the downloads, `model/` the converted
/// parts and the small files. An original goes when its part is converted, and the model takes its place in one step when
/// it is complete and checked. A run that ends early, at whatever byte, is continued by the next.
public struct ModelPull {
    /// How far a pull has come.
    public enum Event {
        /// Bytes of all weights that are here, and their number.
        case downloading(Int, of: Int)
        /// Bytes written of a part.
        case converting(ModelPart, Int, of: Int)
    }

    /// What it will take.
    public struct Plan: Sendable {
        /// The commit that the revision stands for, 40 hexadecimal digits.
        public let commit: String
        /// Files of weights with their sizes.
        public let weights: [(path: String, size: Int)]
        /// Bytes of weights that are here already.
        public let present: Int
        /// The most bytes of disk that originals and model take together, and what stays; estimates.
        public let peakBytes: Int
        /// The bytes of disk that stay taken; an estimate.
        public let finalBytes: Int

        /// The bytes of all files of weights.
        public var total: Int { weights.reduce(0) { $0 + $1.size } }
    }

    private let hub: Hub
    private let name: HubName
    private let precision: WeightPrecision
    private let destination: URL
    /// Where originals are kept, nil when they go.
    private let originals: URL?
    private let retry: Retry
    private let client: HTTPClient

    /// - Parameters:
    ///   - name: the repository and revision.
    ///   - hub: where it is.
    ///   - precision: of the converted weights.
    ///   - destination: the folder that the model becomes.
    ///   - originals: the folder that the downloaded files are kept in, nil to remove them.
    ///   - retry: how often something is tried again.
    public init(
        _ name: HubName, from hub: Hub, precision: WeightPrecision, destination: URL, originals: URL? = nil,
        retry: Retry = Retry()
    ) {
        self.hub = hub
        self.name = name
        self.precision = precision
        self.destination = destination
        self.originals = originals
        self.retry = retry
        client = hub.client()
    }

    /// Pulls the model.
    ///
    /// - Parameters:
    ///   - replacing: whether a model that is there is replaced; else nothing is done for the same revision.
    ///   - index: called with the file `model_index.json` before anything else is downloaded; throws if it is that of a model
    ///     that does not work here.
    ///   - configured: called with the folder when configurations and tokenizer are there and no weights; throws likewise.
    ///   - planned: called with what comes; what it throws ends the pull before the first weight, and leaves nothing that was not
    ///     there before.
    ///   - progress: called as bytes arrive and are converted; what it throws ends the pull.
    ///   - check: called with the complete folder before it gets its name; throws if it is no model that works.
    /// - Returns: what became of the values; nil when this revision was there.
    /// - Throws: `HubError`, `CheckpointError`, and what the closures throw.
    public func run(
        replacing: Bool, index: (URL) throws -> Void = { _ in }, configured: (URL) throws -> Void = { _ in },
        planned: (Plan) throws -> Void = { _ in }, progress: (Event) throws -> Void = { _ in },
        check: (URL) throws -> Void = { _ in }
    ) throws -> ModelConverter.Report? {
        let listing = try hub.listing(of: name, by: client, retry: retry)
        let source = PullSource(repository: name.repository, commit: listing.commit, precision: precision.rawValue)
        if FileManager.default.fileExists(atPath: destination.path), !replacing {
            let installed = PullSource.read(destination)
            guard installed?.commit == listing.commit, installed?.precision == precision.rawValue else {
                throw HubError.installed(folder: destination.path, revision: installed?.commit)
            }
            PullStaging.removeLeftover(beside: destination, for: source)
            return nil
        }
        let staging = try PullStaging(beside: destination, for: source)
        let parts: [PartFiles]
        let modelFiles: Set<String>
        let plan: Plan
        do {
            (parts, modelFiles) = try prepare(listing, staging, index: index, configured: configured)
            plan = self.plan(parts, listing, staging)
            try planned(plan)
            try staging.requireSpace(plan.peakBytes - staging.bytesPresent)
        } catch {
            staging.removeIfNew()
            throw error
        }

        var report = ModelConverter.Report()
        do {
            try bring(parts, plan, listing, staging, &report, progress)
        } catch let error as HubError {
            if !error.saysWhatIsKept { retry.note("what was downloaded stays in \(staging.folder.path)") }
            throw error
        }
        try source.write(to: staging.model(PullSource.name))
        staging.clean(modelFiles)
        do {
            try check(staging.model)
        } catch {
            retry.note("what was downloaded stays in \(staging.model.path)")
            throw error
        }
        try FileChecksums.write(for: staging.model)
        let originalFiles = Set(parts.flatMap { [$0.entry.path] + $0.files.map(\.path) })
        try staging.commit(to: destination, originals: originals.map { ($0, originalFiles) })
        return report
    }

    /// Downloads and converts the weights, part by part.
    private func bring(
        _ parts: [PartFiles], _ plan: Plan, _ listing: HubListing, _ staging: PullStaging,
        _ report: inout ModelConverter.Report, _ progress: (Event) throws -> Void
    ) throws {
        var done = 0
        for part in parts {
            let converted = try staging.model("\(part.part.rawValue)/\(part.part.weightName).safetensors")
            guard !FileManager.default.fileExists(atPath: converted.path) else {
                done += part.size
                try progress(.downloading(done, of: plan.total))
                continue
            }
            for file in part.files {
                try download(file, from: listing, to: staging.original(file.path)) {
                    try progress(.downloading(done + $0, of: plan.total))
                }
                done += file.size
            }
            try convert(part, staging, &report, progress)
        }
    }

    /// Brings everything but the weights, the telling files first.
    ///
    /// - Returns: the parts with their files of weights, and the paths of the model's files.
    private func prepare(
        _ listing: HubListing, _ staging: PullStaging, index: (URL) throws -> Void, configured: (URL) throws -> Void
    ) throws -> ([PartFiles], Set<String>) {
        let indexFile = try PullSelection.index(of: listing, repository: name.repository)
        try download(indexFile, from: listing, to: staging.model(indexFile.path)) { _ in }
        try index(staging.model(indexFile.path))
        let selection = try PullSelection(listing, precision: precision, repository: name.repository)
        let modelFiles = Set(
            [PullSource.name] + selection.smallFiles.map(\.path)
                + ModelPart.allCases.map { "\($0.rawValue)/\($0.weightName).safetensors" })
        staging.clean(modelFiles)
        for file in selection.smallFiles {
            try download(file, from: listing, to: staging.model(file.path)) { _ in }
        }
        try configured(staging.model)
        return (try selection.parts.map { try files(of: $0, in: listing, staging) }, modelFiles)
    }

    // MARK: - Parts

    /// A part with all its files of weights.
    private struct PartFiles {
        let part: ModelPart
        /// What is opened: the only file, or the index.
        let entry: HubListing.File
        let files: [HubListing.File]
        let valueBytes: Int

        var size: Int { files.reduce(0) { $0 + $1.size } }
    }

    private func files(
        of part: PullSelection.Part, in listing: HubListing, _ staging: PullStaging
    ) throws -> PartFiles {
        var files = [part.weights]
        if part.weights.path.hasSuffix(".json") {
            let index = try staging.original(part.weights.path)
            guard part.weights.size <= 64 << 20 else {
                throw HubError.wrongContent(file: part.weights.path, reason: "it is too large for an index")
            }
            try download(part.weights, from: listing, to: index) { _ in }
            files = try PullSelection.shards(of: part.weights, Data(contentsOf: index), in: listing)
        }
        return PartFiles(part: part.part, entry: part.weights, files: files, valueBytes: part.valueBytes)
    }

    private func plan(_ parts: [PartFiles], _ listing: HubListing, _ staging: PullStaging) -> Plan {
        var present = 0
        var written = 0
        var peak = 0
        for part in parts {
            let isConverted = staging.hasModelFile("\(part.part.rawValue)/\(part.part.weightName).safetensors")
            present += isConverted ? part.size : part.files.reduce(0) { $0 + fileDownload($1, listing, staging) }
            let converted = part.size / part.valueBytes * (precision == .float16 ? 2 : 4)
            peak = max(peak, written + part.size + converted)
            written += converted + (originals == nil ? 0 : part.size)
        }
        return Plan(
            commit: listing.commit, weights: parts.flatMap(\.files).map { ($0.path, $0.size) }, present: present,
            peakBytes: max(peak, written), finalBytes: written)
    }

    private func fileDownload(_ file: HubListing.File, _ listing: HubListing, _ staging: PullStaging) -> Int {
        guard let url = try? staging.original(file.path) else { return 0 }
        return fileDownload(file, from: listing, to: url).bytesPresent
    }

    private func fileDownload(_ file: HubListing.File, from listing: HubListing, to url: URL) -> FileDownload {
        FileDownload(
            file: file, url: hub.url(of: file.path, in: name, commit: listing.commit), token: hub.token,
            destination: url)
    }

    private func download(
        _ file: HubListing.File, from listing: HubListing, to url: URL, progress: (Int) throws -> Void
    ) throws {
        try fileDownload(file, from: listing, to: url).run(
            by: client, retry: retry, sentence: { hub.sentence($0, for: name, file: file.path) }, progress: progress)
    }

    private func convert(
        _ part: PartFiles, _ staging: PullStaging, _ report: inout ModelConverter.Report,
        _ progress: (Event) throws -> Void
    ) throws {
        let converter = try PartConverter(
            folder: part.part.rawValue, weightName: part.part.weightName,
            store: WeightStore(staging.original(part.entry.path)), precision: precision)
        var written = 0
        try converter.write(to: staging.model(converter.path), report: &report) { count in
            written += count
            try progress(.converting(part.part, written, of: converter.outputBytes))
        }
        if originals == nil {
            for file in part.files { try? FileManager.default.removeItem(at: staging.original(file.path)) }
        }
    }
}
