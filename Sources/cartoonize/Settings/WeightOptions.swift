import ArgumentParser
import Files
import Foundation
import StableDiffusion

/// What is added to a model's weights.
struct WeightOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A LoRA of the model's kind, in kohya's, diffusers' or PEFT's form, and how strongly it counts; may be given "
                + "several times. (default strength: 1)", valueName: "file[:strength]"), completion: .file())
    var lora: [LoRAArgument] = []

    /// The model with all of it.
    func applied(to model: ModelDirectory) throws -> ModelDirectory {
        try lora.reduce(model) {
            try $0.applyingLoRA(URL(fileURLWithPath: $1.path), strength: $1.strength)
        }
    }
}

/// A file, with a strength behind its last colon.
struct LoRAArgument: ExpressibleByArgument {
    let path: String
    let strength: Float

    init?(argument: String) {
        if FileKind(argument) == nil, let colon = argument.lastIndex(of: ":"),
            let strength = Float(argument[argument.index(after: colon)...])
        {
            guard abs(strength) <= 100 else { return nil }
            (path, self.strength) = (String(argument[..<colon]), strength)
        } else {
            (path, strength) = (argument, 1)
        }
    }
}
