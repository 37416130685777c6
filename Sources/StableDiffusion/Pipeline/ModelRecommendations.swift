import Foundation

/// What a model's author recommends in `cartoonize.json`, and the family's usual values where the file leaves them out or
/// does not exist.
struct ModelRecommendations {
    /// The file names no sampler: the one in here counts for nothing.
    private(set) var settings = GenerationSettings(sampler: .ddim)
    /// The side in pixels of the images that the model was trained on.
    private(set) var nativeSize = 512
    /// Above this, time and memory of the larger models grow past what most machines have, and no model of the family was
    /// trained for it.
    private(set) var maxPixels = 1024 * 1024
    private(set) var instructionGuide: InstructionGuide?

    /// - Throws: `ConfigurationError` for a field that is none.
    init(file: URL?) throws {
        guard let file, ConfigurationFile.isThere(file) else { return }
        let fields = ConfigurationFields(
            try ConfigurationFile.fields(of: file), file: file.path,
            defaults: [
                "instruction": .string(settings.instruction), "steps": .number(Double(settings.steps)),
                "guidance_scale": .number(Double(settings.guidanceScale)),
                "image_guidance_scale": .number(Double(settings.imageGuidanceScale)),
                "native_size": .number(Double(nativeSize)), "max_pixels": .number(Double(maxPixels)),
            ])
        settings.instruction = try fields.string("instruction")
        settings.steps = try fields.integer("steps", in: 1...1000)
        settings.guidanceScale = try fields.positiveNumber("guidance_scale")
        settings.imageGuidanceScale = try fields.positiveNumber("image_guidance_scale")
        nativeSize = try fields.integer("native_size", in: 8...65_536)
        maxPixels = try fields.integer("max_pixels", in: 1...1 << 30)
        instructionGuide = try InstructionGuide(fields)
    }
}
