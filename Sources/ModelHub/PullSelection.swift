import Checkpoints
import Foundation

/// The files of a repository that a model needs: one set of weights a part, the best there is.
package struct PullSelection {
    package struct Part {
        let part: ModelPart
        /// The file of weights, or the index of its pieces.
        package let weights: HubListing.File

        /// Bytes a value takes in the file, as far as its name tells.
        var valueBytes: Int { weights.path.contains("fp16") ? 2 : 4 }
    }

    /// Largest first: the disk is fullest while a large original stands beside its conversion.
    package let parts: [Part]
    /// Configurations and tokenizer, the index first.
    let smallFiles: [HubListing.File]

    private static let smallFileLimit = 32 << 20
    private static let required =
        ["scheduler/scheduler_config.json"] + ModelPart.allCases.map { "\($0.rawValue)/config.json" }
    private static let tokenizers = [["tokenizer/vocab.json", "tokenizer/merges.txt"], ["tokenizer/tokenizer.json"]]
    private static let optional = [
        "cartoonize.json", "tokenizer/tokenizer_config.json", "tokenizer/special_tokens_map.json",
        "tokenizer/added_tokens.json",
    ]

    /// The file that says what kind of model a repository holds.
    ///
    /// - Throws: `HubError.notThisKind` when there is none, with what there is instead.
    package static func index(of listing: HubListing, repository: String) throws(HubError) -> HubListing.File {
        if let index = listing.files["model_index.json"], index.size <= smallFileLimit { return index }
        let top = listing.files.keys.filter { !$0.contains("/") }.sorted()
        func has(_ part: String) -> Bool { top.contains { $0.lowercased().contains(part) } }
        let files = top.filter { name in [".safetensors", ".ckpt", ".gguf"].contains { name.hasSuffix($0) } }
        let instead =
            if has("lora") {
                "it seems to be a LoRA, changes to a model and no model; --lora adds it to one"
            } else if files.contains("diffusion_pytorch_model.safetensors") {
                "it holds one part of a model (a UNet, a VAE or a ControlNet)"
            } else if !files.isEmpty {
                "it holds single files (\(firstNames(files))): download "
                    + "one from its page and give it to 'cartoonize convert' or --model"
            } else {
                "it is no Stable Diffusion in diffusers' layout"
            }
        throw .notThisKind(repository: repository, reason: "it has no model_index.json; \(instead)")
    }

    /// - Throws: `HubError.notThisKind` when something that a model needs is missing.
    package init(_ listing: HubListing, precision: WeightPrecision, repository: String) throws(HubError) {
        func missing(_ what: String) -> HubError {
            .notThisKind(
                repository: repository, reason: "it has no \(what), so it is no Stable Diffusion in diffusers' layout")
        }
        var smallFiles = [try Self.index(of: listing, repository: repository)]
        for path in Self.required {
            guard let file = listing.files[path] else { throw missing(path) }
            smallFiles.append(file)
        }
        guard let tokenizer = Self.tokenizers.first(where: { $0.allSatisfy { listing.files[$0] != nil } }) else {
            throw missing("\(Self.tokenizers[0][0]) and no \(Self.tokenizers[1][0])")
        }
        smallFiles += (tokenizer + Self.optional).compactMap { listing.files[$0] }
        if let file = smallFiles.first(where: { $0.size > Self.smallFileLimit }) {
            throw .notThisKind(repository: repository, reason: "its \(file.path) has \(file.size) bytes")
        }
        self.smallFiles = smallFiles

        var parts: [Part] = []
        for part in ModelPart.allCases {
            let found = Self.candidates(part, precision).lazy.compactMap { listing.files["\(part.rawValue)/\($0)"] }
            guard let weights = found.first else { throw missing("weights in \(part.rawValue)/") }
            parts.append(Part(part: part, weights: weights))
        }
        self.parts = parts.sorted { $0.weights.size > $1.weights.size }
    }

    /// Names of weights by preference: safetensors before pickles, then the precision that is wanted.
    private static func candidates(_ part: ModelPart, _ precision: WeightPrecision) -> [String] {
        let pickled = part == .textEncoder ? "pytorch_model" : part.weightName
        return [(part.weightName, "safetensors"), (pickled, "bin")].flatMap { stem, kind in
            let half = ["\(stem).fp16.\(kind)", "\(stem).\(kind).index.fp16.json", "\(stem).fp16.\(kind).index.json"]
            let whole = ["\(stem).\(kind)", "\(stem).\(kind).index.json"]
            return precision == .float16 ? half + whole : whole + half
        }
    }

    /// The pieces that an index names.
    ///
    /// - Throws: `HubError` unless each is a plain name that the listing has.
    package static func shards(
        of index: HubListing.File, _ data: Data, in listing: HubListing
    ) throws(HubError) -> [HubListing.File] {
        struct Index: Decodable {
            let weight_map: [String: String]
        }
        guard let names = try? JSONDecoder().decode(Index.self, checking: [UInt8](data)).weight_map.values else {
            throw .wrongContent(file: index.path, reason: "it is no index of weights")
        }
        let folder = index.path.split(separator: "/").dropLast().joined(separator: "/")
        var files: [HubListing.File] = []
        for name in Set(names).sorted() {
            guard !name.contains("/"), let file = listing.files["\(folder)/\(name)"] else {
                throw .wrongContent(file: index.path, reason: "it names a file that is not there")
            }
            files.append(file)
        }
        return files
    }
}
