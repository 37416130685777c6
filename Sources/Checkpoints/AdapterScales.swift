import Foundation

/// By what PEFT multiplies a LoRA's products: `lora_alpha` over the rank. It keeps that beside the tensors, in
/// `adapter_config.json`, or, as diffusers writes it, in the header of the safetensors file.
struct AdapterScales {
    /// What is said of one model, or of all of a file.
    fileprivate struct Settings {
        var alpha: Double?
        /// Of modules with these names, or whose names end so.
        var alphas: [String: Double] = [:]
        /// Whether the alpha is divided by the rank's square root (Kalajdzievski 2023).
        var isRankStabilized = false
    }

    /// Where diffusers puts the settings: a text of JSON, the names in it with the model's in front.
    private static let note = "lora_adapter_metadata"
    private static let fileName = "adapter_config.json"
    private static let fileLimit = 1 << 20

    private var ofParts: [ModelPart: Settings] = [:]
    private var ofAll = Settings()

    /// - Parameters:
    ///   - metadata: the notes in a LoRA's header.
    ///   - file: the LoRA; its settings may lie beside it.
    /// - Throws: `CheckpointError` for settings that cannot be read.
    init(_ metadata: [String: String], beside file: URL) throws {
        if let note = metadata[Self.note] {
            try JSONScanner.reading(file.path) {
                var scanner = JSONScanner(Array(note.utf8))
                try scanner.object { scanner, name in
                    let part = [ModelPart.unet, .textEncoder].first { name.hasPrefix($0.rawValue + ".") }
                    guard let part else { return try scanner.skipValue() }
                    try ofParts[part, default: Settings()].read(
                        String(name.dropFirst(part.rawValue.count + 1)), &scanner)
                }
                try scanner.expectEnd()
            }
        }
        let place = file.deletingLastPathComponent().appendingPathComponent(Self.fileName)
        guard FileManager.default.fileExists(atPath: place.path) else { return }
        let contents = try MappedFile(place)
        guard contents.count <= Self.fileLimit else {
            throw CheckpointError.unsupported(file: place.path, reason: "it is too large for a configuration file")
        }
        try JSONScanner.reading(place.path) {
            var scanner = JSONScanner(contents.bytes.array)
            try scanner.object { scanner, name in try ofAll.read(name, &scanner) }
            try scanner.expectEnd()
        }
    }

    /// By what a layer's product is multiplied.
    ///
    /// - Parameters:
    ///   - alpha: the layer's own; nil if the file has none.
    ///   - module: the layer, as the model's part calls it.
    func scale(alpha: Double?, rank: Int, of module: String, in part: ModelPart) -> Double {
        if let alpha { return alpha / Double(rank) }
        let settings = ofParts[part] ?? ofAll
        guard let alpha = settings.alpha(of: module) else { return 1 }
        return alpha / (settings.isRankStabilized ? Double(rank).squareRoot() : Double(rank))
    }
}

extension AdapterScales.Settings {
    /// The alpha of a module: that of the longest ending of its name that has one, or else that of all.
    fileprivate func alpha(of module: String) -> Double? {
        var ending = module[...]
        while !alphas.isEmpty {
            if let alpha = alphas[String(ending)] { return alpha }
            guard let dot = ending.firstIndex(of: ".") else { break }
            ending = ending[ending.index(after: dot)...]
        }
        return alpha
    }

    /// Takes the value of one setting; those that matter to training only are passed over.
    fileprivate mutating func read(_ name: String, _ scanner: inout JSONScanner) throws {
        switch (name, scanner.peek()) {
        case ("lora_alpha", let first) where first != UInt8(ascii: "n"): alpha = try scanner.number()
        case ("alpha_pattern", UInt8(ascii: "{")):
            var found: [String: Double] = [:]
            try scanner.object { scanner, ending in found[ending] = try scanner.number() }
            alphas = found
        case ("use_rslora", UInt8(ascii: "t")):
            isRankStabilized = true
            try scanner.skipValue()
        default: try scanner.skipValue()
        }
    }
}
