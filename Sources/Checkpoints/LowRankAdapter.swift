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
    package let updates: [ModelPart: [String: Update]]
    package let tensors: [TensorEntry]

    private struct Layer {
        var up, down, middle: TensorEntry?
        var alpha: TensorEntry?
    }

    /// Reads a file's header and checks that its layers fit the model's.
    ///
    /// - Parameters:
    ///   - file: safetensors or what `torch.save` writes.
    ///   - strength: by what the product is multiplied.
    ///   - model: the tensors of the parts that can have one, the UNet and the text encoder.
    /// - Throws: `CheckpointError` for what is no LoRA of this model, or holds values that are not finite.
    package init(_ file: URL, strength: Float, model: [ModelPart: [TensorEntry]]) throws {
        self.strength = strength
        name = file.deletingPathExtension().lastPathComponent
        tensors = try WeightStore(file).tensors
        let path = file.path
        var places: [String: (part: ModelPart, weight: TensorEntry)] = [:]
        for (part, weights) in model {
            for weight in weights
            where weight.shape.count >= 2 && weight.key.hasSuffix(".weight") && !weight.key.contains("embeddings.") {
                for name in Self.names(of: String(weight.key.dropLast(".weight".count)), in: part) {
                    places[name] = (part, weight)
                }
            }
        }
        var (layers, unplaced): ([String: Layer], [String]) = ([:], [])
        for tensor in tensors {
            guard !tensor.key.contains("dora_scale"), !tensor.key.contains("lora_magnitude") else {
                throw CheckpointError.unsupported(file: path, reason: "it is a DoRA, a kind that is not supported")
            }
            guard let (layer, role) = Self.layer(of: tensor.key), places[layer] != nil else {
                unplaced.append(tensor.key)
                continue
            }
            layers[layer, default: Layer()][keyPath: role] = tensor
        }
        guard !layers.isEmpty else {
            throw CheckpointError.unsupported(
                file: path, reason: "none of its \(tensors.count) tensors is of a LoRA for a layer of this model")
        }
        var updates: [ModelPart: [String: Update]] = [:]
        for (name, layer) in layers.sorted(by: { $0.key < $1.key }) {
            guard let place = places[name] else { continue }
            let update = try Self.update(layer, name, of: place.weight, strength: strength, file: path)
            guard updates[place.part, default: [:]].updateValue(update, forKey: place.weight.key) == nil else {
                throw CheckpointError.malformed(file: path, reason: "two layers are for \(printable(place.weight.key))")
            }
        }
        (self.updates, unplacedKeys) = (updates, unplaced.sorted())
    }

    /// - Throws: `CheckpointError.changed` if the file is no longer what it was when its header was read.
    package func requireUnchanged() throws {
        if let file = tensors.first?.file { try MappedFile.requireUnchanged(file.path, file.state) }
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

    private static func update(
        _ layer: Layer, _ name: String, of weight: TensorEntry, strength: Float, file: String
    ) throws -> Update {
        func malformed(_ reason: String) -> CheckpointError {
            .malformed(file: file, reason: "\(printable(name)) \(reason)")
        }
        guard let up = layer.up, let down = layer.down else { throw malformed("has one matrix of two") }
        for tensor in [up, down, layer.middle, layer.alpha].compactMap({ $0 }) {
            guard tensor.dataType.isWeightType else {
                throw CheckpointError.unsupportedDataType(
                    key: tensor.key, file: file, dataType: tensor.dataType.rawValue)
            }
        }
        let (outputs, kernel) = (weight.shape[0], Array(weight.shape.dropFirst(2)))
        let rank = down.shape.first ?? 0
        // More than the weight's longest side has no use, and would take memory without bounds.
        guard 1...max(outputs, weight.shape.dropFirst().reduce(1, *)) ~= rank else {
            throw malformed("has the rank \(rank) for a weight of the shape \(weight.shape)")
        }
        func require(_ tensor: TensorEntry, _ shape: [Int]) throws -> TensorEntry {
            guard let shaped = tensor.shaped(shape) else {
                throw CheckpointError.misshapenTensor(key: tensor.key, file: file, expected: shape, found: tensor.shape)
            }
            guard tensor.nonFiniteCount() == 0 else {
                throw malformed("holds values that are not finite numbers")
            }
            return shaped
        }
        var alpha = Float(rank)
        if let tensor = layer.alpha {
            guard tensor.shape.reduce(1, *) == 1 else { throw malformed("has an alpha that is no single number") }
            alpha = tensor.stored().floats()[0]
        }
        let factor = strength * alpha / Float(rank)
        guard factor.isFinite else { throw malformed("has an alpha that is not a finite number") }
        let middle = try layer.middle.map { try require($0, [rank, rank] + kernel) }
        let ones = kernel.map { _ in 1 }
        return Update(
            up: try require(up, [outputs, rank] + ones),
            down: try require(down, [rank, weight.shape[1]] + (middle == nil ? kernel : ones)), middle: middle,
            factor: factor)
    }
}
