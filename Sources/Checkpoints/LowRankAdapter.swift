import Foundation

/// A LoRA (Hu et al. 2021) as files have it: for each layer two narrow matrices whose product is added to the weight.
///
/// The spellings are those of kohya's sd-scripts (`lora_unet_*`, `lora_te_*`), of diffusers and of PEFT.
public struct LowRankAdapter: Sendable {
    /// What is added to one weight.
    package struct Update: Sendable {
        /// `[out, rank]`, `[rank, in, ...]`, and of LoCon's layers `[rank, rank, height, width]` between them.
        package let up, down: TensorEntry
        package let middle: TensorEntry?
        /// Strength times alpha over rank.
        package let factor: Float
    }

    /// The file's name without its extension.
    public let name: String
    /// By what the product is multiplied; 1 is as trained.
    public let strength: Float
    /// Keys of the file that the model has no place for, sorted.
    public let unplacedKeys: [String]
    /// Why layers of the file that the model has do not fit it and are left out, as sentences sorted by the layer's name.
    public let misfits: [String]
    package let updates: [ModelPart: [String: Update]]
    package let tensors: [TensorEntry]

    private struct Layer {
        var up, down, middle: TensorEntry?
        var alpha: TensorEntry?
    }

    /// Why a layer does not fit, as a sentence.
    private struct Misfit: Error {
        let reason: String
    }

    /// Reads a file's header and finds its layers' places in a model. Layers that do not fit there are left out.
    ///
    /// - Parameters:
    ///   - file: safetensors or what `torch.save` writes.
    ///   - strength: by what the product is multiplied.
    ///   - model: the tensors of the parts that can have one, the UNet and the text encoder.
    /// - Throws: `CheckpointError` for what is no LoRA of this model, with no layer that fits it, or holds values that are
    ///   not finite.
    package init(_ file: URL, strength: Float, model: [ModelPart: [TensorEntry]]) throws {
        self.strength = strength
        name = Self.name(of: file)
        let path = file.path
        let contents = try readWeights(file)
        let scales = try AdapterScales(contents.metadata, beside: file)
        tensors = contents.tensors.sorted { $0.key < $1.key }
        var places: [String: (part: ModelPart, weight: TensorEntry)] = [:]
        for (part, weights) in model {
            for weight in weights
            where weight.shape.count >= 2 && weight.key.hasSuffix(".weight") && !weight.key.contains("embeddings.") {
                for name in Self.names(of: String(weight.key.dropLast(".weight".count)), in: part) {
                    places[name] = (part, weight)
                }
            }
        }
        if let reason = AdapterKind.refusal(tensors, contents.metadata, textWidth: Self.textWidth(model)) {
            throw CheckpointError.unsupported(file: path, reason: reason)
        }
        var (layers, unplaced): ([String: Layer], [String]) = ([:], [])
        for tensor in tensors {
            guard let (layer, role) = Self.layer(of: tensor.key), places[layer] != nil else {
                unplaced.append(tensor.key)
                continue
            }
            layers[layer, default: Layer()][keyPath: role] = tensor
        }
        guard !layers.isEmpty else {
            if let kind = WeightKind(tensors), kind != .lora { throw kind.refusal(file: path) }
            throw CheckpointError.unsupported(
                file: path, reason: "none of its \(tensors.count) tensors is of a LoRA for a layer of this model")
        }
        var (updates, misfits): ([ModelPart: [String: Update]], [String]) = ([:], [])
        for (name, layer) in layers.sorted(by: { $0.key < $1.key }) {
            guard let place = places[name] else { continue }
            let update: Update
            do {
                update = try Self.update(
                    layer, name, of: place.weight, in: place.part, strength: strength, scales, file: path)
            } catch let misfit as Misfit {
                misfits.append(misfit.reason)
                continue
            }
            guard updates[place.part, default: [:]].updateValue(update, forKey: place.weight.key) == nil else {
                throw CheckpointError.malformed(file: path, reason: "two layers are for \(printable(place.weight.key))")
            }
        }
        guard !updates.isEmpty else {
            throw CheckpointError.unsupported(
                file: path,
                reason: "none of its \(layers.count) layers fits this model's: \(misfits.first ?? "it has none")")
        }
        (self.updates, unplacedKeys, self.misfits) = (updates, unplaced.sorted(), misfits)
    }

    /// What a LoRA is called: as its file, or as its folder if the file has the name that all have in such folders.
    package static func name(of file: URL) -> String {
        let name = file.deletingPathExtension().lastPathComponent
        let isCommon = folderNames.contains(file.lastPathComponent)
        return isCommon ? file.standardizedFileURL.deletingLastPathComponent().lastPathComponent : name
    }

    /// What diffusers and PEFT call a LoRA's file in a folder of its own.
    package static let folderNames = ["pytorch_lora_weights", "adapter_model"].flatMap {
        ["\($0).safetensors", "\($0).bin"]
    }

    /// - Throws: `CheckpointError.changed` if the file is no longer what it was when its header was read.
    package func requireUnchanged() throws {
        if let file = tensors.first?.file { try MappedFile.requireUnchanged(file.path, file.state) }
    }

    /// The width of the text embeddings that the model's UNet takes, if it takes any.
    private static func textWidth(_ model: [ModelPart: [TensorEntry]]) -> Int? {
        model[.unet]?.first { $0.key.hasSuffix("attn2.to_k.weight") }?.shape.last
    }

    /// What files call a layer of a model.
    private static func names(of module: String, in part: ModelPart) -> [String] {
        let isText = part == .textEncoder
        let module = isText && !module.hasPrefix("text_model.") ? "text_model." + module : module
        let flat = module.replacingOccurrences(of: ".", with: "_")
        return isText
            ? ["lora_te_" + flat, "lora_te1_" + flat, "text_encoder." + module, "base_model.model." + module]
            : ["lora_unet_" + flat, "unet." + module, "base_model.model." + module, module]
    }

    /// The layer's name in the file, and which of its tensors a key is of.
    private static func layer(of key: String) -> (String, WritableKeyPath<Layer, TensorEntry?>)? {
        let endings: [(String, WritableKeyPath<Layer, TensorEntry?>)] = [
            (".lora_down.weight", \.down), (".lora_up.weight", \.up), (".lora_mid.weight", \.middle),
            (".lora.down.weight", \.down), (".lora.up.weight", \.up),
            (".lora_linear_layer.down.weight", \.down), (".lora_linear_layer.up.weight", \.up),
            ("_lora.down.weight", \.down), ("_lora.up.weight", \.up),
            (".lora_A.weight", \.down), (".lora_B.weight", \.up),
            (".lora_A.default.weight", \.down), (".lora_B.default.weight", \.up), (".alpha", \.alpha),
        ]
        guard let (ending, role) = endings.first(where: { key.hasSuffix($0.0) }) else { return nil }
        var name = String(key.dropLast(ending.count))
        if ending.hasPrefix("_lora") || name.contains(".processor.") {  // diffusers' attention processors
            name = name.replacingOccurrences(of: ".processor.", with: ".")
            if name.hasSuffix(".to_out") { name += ".0" }
        }
        return (name, role)
    }

    /// - Throws: `Misfit`, or `CheckpointError` for a file that is damaged.
    private static func update(
        _ layer: Layer, _ name: String, of weight: TensorEntry, in part: ModelPart, strength: Float,
        _ scales: AdapterScales, file: String
    ) throws -> Update {
        func misfit(_ reason: String) -> Misfit { Misfit(reason: "\(printable(name)) \(reason)") }
        func malformed(_ reason: String) -> CheckpointError {
            .malformed(file: file, reason: "\(printable(name)) \(reason)")
        }
        guard let up = layer.up, let down = layer.down else { throw misfit("has one matrix of two") }
        for tensor in [up, down, layer.middle].compactMap({ $0 }) {
            guard tensor.dataType.isWeightType else {
                throw CheckpointError.unsupportedDataType(
                    key: tensor.key, file: file, dataType: tensor.dataType.rawValue)
            }
        }
        let (outputs, kernel) = (weight.shape[0], Array(weight.shape.dropFirst(2)))
        let rank = down.shape.first ?? 0
        // More than the weight's longest side has no use, and would take memory without bounds.
        guard 1...max(outputs, weight.shape.dropFirst().reduce(1, *)) ~= rank else {
            throw misfit("has the rank \(rank) for a weight of the shape \(weight.shape)")
        }
        func require(_ tensor: TensorEntry, _ shape: [Int]) throws -> TensorEntry {
            guard let shaped = tensor.shaped(shape) else {
                throw misfit("has a matrix of the shape \(tensor.shape) instead of \(shape)")
            }
            guard tensor.nonFiniteCount() == 0 else {
                throw malformed("holds values that are not finite numbers")
            }
            return shaped
        }
        let alpha = try layer.alpha.map { tensor in
            guard let alpha = tensor.number else { throw malformed("has an alpha that is no single number") }
            return alpha
        }
        let module = String(weight.key.dropLast(".weight".count))
        let factor = strength * Float(scales.scale(alpha: alpha, rank: rank, of: module, in: part))
        guard factor.isFinite else { throw malformed("has an alpha that is not a finite number") }
        let middle = try layer.middle.map { try require($0, [rank, rank] + kernel) }
        let ones = kernel.map { _ in 1 }
        return Update(
            up: try require(up, [outputs, rank] + ones),
            down: try require(down, [rank, weight.shape[1]] + (middle == nil ? kernel : ones)), middle: middle,
            factor: factor)
    }
}
