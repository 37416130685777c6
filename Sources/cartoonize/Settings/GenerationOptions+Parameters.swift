import StableDiffusion

extension GenerationOptions {
    /// These options, with what they leave open taken from the picture that `--params-from` names.
    ///
    /// - Parameter text: gives the parameters inside the picture at a path.
    func completed(reading text: (String) throws -> String?) throws -> GenerationOptions {
        guard let paramsFrom else { return self }
        guard let text = try text(paramsFrom) else {
            throw CommandFailure(.input, "there are no parameters inside \(paramsFrom)")
        }
        let parameters = GenerationParameters(text: text)
        func failure(_ reason: String) -> CommandFailure {
            CommandFailure(.input, "cannot use the parameters inside \(paramsFrom): \(reason)")
        }
        func value<Value>(_ name: String, _ convert: (String) -> Value?) throws -> Value? {
            guard let text = parameters.fields.first(where: { $0.name == name })?.value else { return nil }
            guard let value = convert(text) else { throw failure("\(name) is '\(text)'") }
            return value
        }
        var options = self
        options.instruction = instruction ?? parameters.instruction
        options.negative = negative ?? parameters.negativeInstruction
        options.steps = try steps ?? value("Steps") { Int($0) }
        options.guidance = try guidance ?? value("CFG scale") { Float($0) }
        options.imageGuidance = try imageGuidance ?? value("Image CFG scale") { Float($0) }
        options.seed = try seed ?? value("Seed") { UInt64($0) }
        let schedule = parameters.fields.first { $0.name == "Schedule type" }?.value
        options.sampler = try sampler ?? value("Sampler") { SamplerKind(displayName: $0, schedule: schedule) }
        options.model = try model ?? value("Model") { $0 }
        if let reason = options.outOfRange() { throw failure(reason) }
        return options
    }
}

extension SamplerKind {
    /// The sampler of a name inside a picture; newer versions of stable-diffusion-webui name the schedule apart.
    init?(displayName: String, schedule: String?) {
        let names = schedule == "Karras" ? [displayName + " Karras", displayName] : [displayName]
        let kinds = names.lazy.compactMap { name in
            Self.allCases.first { $0.displayName.lowercased() == name.lowercased() } ?? Self(name: name)
        }
        guard let kind = kinds.first else { return nil }
        self = kind
    }
}
