import Checkpoints

extension ManifestLine {
    /// Reads a line; nil for what is none. Foundation's decoder would take many seconds for a manifest of 300,000 lines.
    ///
    /// - Parameter settings: those of the line before; a line with the same shares their memory.
    init?(json: ArraySlice<UInt8>, sharing settings: PictureSettings? = nil) {
        var reader = Reader(Array(json))
        guard let line = try? reader.line(), (try? reader.scanner.expectEnd()) != nil else { return nil }
        self = line
        if let settings, settings == line.settings { self.settings = settings }
    }

    private struct Reader {
        private let bytes: [UInt8]
        var scanner: JSONScanner

        init(_ bytes: [UInt8]) {
            self.bytes = bytes
            scanner = JSONScanner(bytes)
        }

        mutating func line() throws -> ManifestLine {
            var input, output, error, outputSHA256: String?
            var seed: UInt64?
            var inputBytes, outputBytes, exitCode: Int?
            var seconds, inputModified, outputModified: Double?
            var settings: PictureSettings?
            try members { name, reader in
                switch name {
                case "input": input = try reader.scanner.string()
                case "output": output = try reader.scanner.string()
                case "seed": seed = try reader.unsigned()
                case "settings": settings = try reader.pictureSettings()
                case "input_bytes": inputBytes = try reader.integer()
                case "input_modified": inputModified = try reader.scanner.number()
                case "output_bytes": outputBytes = try reader.integer()
                case "output_modified": outputModified = try reader.scanner.number()
                case "output_sha256": outputSHA256 = try reader.scanner.string()
                case "seconds": seconds = try reader.scanner.number()
                case "error": error = try reader.scanner.string()
                case "exit_code": exitCode = try reader.integer()
                default: try reader.scanner.skipValue()
                }
            }
            return ManifestLine(
                input: try needed(input), output: try needed(output), seed: try needed(seed),
                settings: try needed(settings), inputBytes: inputBytes, inputModified: inputModified,
                outputBytes: outputBytes, outputModified: outputModified, outputSHA256: outputSHA256,
                seconds: try needed(seconds), error: error,
                exitCode: try exitCode.map { try needed(Int32(exactly: $0)) })
        }

        private mutating func pictureSettings() throws -> PictureSettings {
            var model, modelHash, instruction, negative, sampler, size, format: String?
            var steps, maxPixels, quality: Int?
            var guidance, imageGuidance: Double?
            var compare: Bool?
            try members { name, reader in
                switch name {
                case "model": model = try reader.scanner.string()
                case "model_hash": modelHash = try reader.scanner.string()
                case "instruction": instruction = try reader.scanner.string()
                case "negative": negative = try reader.scanner.string()
                case "steps": steps = try reader.integer()
                case "sampler": sampler = try reader.scanner.string()
                case "guidance": guidance = try reader.scanner.number()
                case "image_guidance": imageGuidance = try reader.scanner.number()
                case "size": size = try reader.scanner.string()
                case "max_pixels": maxPixels = try reader.integer()
                case "format": format = try reader.scanner.string()
                case "quality": quality = try reader.integer()
                case "compare": compare = try reader.flag()
                default: try reader.scanner.skipValue()
                }
            }
            return PictureSettings(
                model: try needed(model), modelHash: try needed(modelHash), instruction: try needed(instruction),
                negative: try needed(negative), steps: try needed(steps), sampler: try needed(sampler),
                guidance: Float(try needed(guidance)), imageGuidance: Float(try needed(imageGuidance)), size: size,
                maxPixels: maxPixels, format: try needed(format), quality: quality, compare: try needed(compare))
        }

        /// Reads an object's members but those that are null.
        private mutating func members(_ member: (String, inout Reader) throws -> Void) throws {
            try scanner.expect("{")
            if scanner.skip("}") { return }
            repeat {
                let name = try scanner.string()
                try scanner.expect(":")
                if !scanner.skip(word: "null") { try member(name, &self) }
            } while scanner.skip(",")
            try scanner.expect("}")
        }

        private mutating func integer() throws -> Int { try needed(scanner.integer()) }

        private mutating func flag() throws -> Bool {
            if scanner.skip(word: "true") { return true }
            return try needed(scanner.skip(word: "false") ? false : nil)
        }

        /// A number of 64 bits, which a floating-point number would round.
        private mutating func unsigned() throws -> UInt64 {
            _ = scanner.peek()
            let start = scanner.offset
            _ = try scanner.number()
            return try needed(UInt64(String(decoding: bytes[start..<scanner.offset], as: UTF8.self)))
        }

        private func needed<Value>(_ value: Value?) throws -> Value {
            guard let value else { throw scanner.failure("a value is missing") }
            return value
        }
    }
}
