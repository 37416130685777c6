import Checkpoints
import Foundation

extension ManifestLine {
    /// Reads a line; nil for what is none. Foundation's decoder would take many seconds for a manifest of 300,000 lines.
    ///
    /// - Parameter settings: of the lines before.
    init?(json: ArraySlice<UInt8>, _ settings: inout SettingsReader) {
        var reader = Reader(Array(json), settings)
        guard let line = try? reader.line(), (try? reader.scanner.expectEnd()) != nil else { return nil }
        self = line
        settings = reader.settings
    }

    /// Reads the settings of lines, which are mostly the same as the line's before: those are read once and share their
    /// memory.
    struct SettingsReader {
        private var bytes: ArraySlice<UInt8> = []
        private var last: ImageSettings?

        mutating func settings(_ json: ArraySlice<UInt8>) throws -> ImageSettings {
            if let last, json == bytes { return last }
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            let settings = try decoder.decode(ImageSettings.self, from: Data(json))
            (bytes, last) = (json, settings)
            return settings
        }
    }

    private struct Reader {
        private let bytes: [UInt8]
        var scanner: JSONScanner
        var settings: SettingsReader

        init(_ bytes: [UInt8], _ settings: SettingsReader) {
            (self.bytes, self.settings) = (bytes, settings)
            scanner = JSONScanner(bytes)
        }

        mutating func line() throws -> ManifestLine {
            var input, output, error, outputSHA256: String?
            var seed: UInt64?
            var inputBytes, outputBytes, exitCode: Int?
            var seconds, inputModified, outputModified: Double?
            var settings: ImageSettings?
            try members { name, reader in
                switch name {
                case "input": input = try reader.scanner.string()
                case "output": output = try reader.scanner.string()
                case "seed": seed = try reader.unsigned()
                case "settings": settings = try reader.settings.settings(reader.value())
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

        /// A value as it stands in the line.
        private mutating func value() throws -> ArraySlice<UInt8> {
            _ = scanner.peek()
            let start = scanner.offset
            try scanner.skipValue()
            return bytes[start..<scanner.offset]
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
