import Foundation
import StableDiffusion
import Testing

/// Golden files of the samplers and random numbers; `make_sampler_fixtures.py` made them and describes their layout.
struct SamplingFixtures {
    struct Run {
        let kind: SamplerKind
        let configuration: SchedulerConfiguration
        let steps: Int
        let isEulerAtZeroSNR: Bool
        let name: String
        /// The sampler, spacing and kind of prediction.
        let group: String
    }

    enum Failure: Error { case malformed }

    static func url(_ name: String) throws -> URL {
        guard let folder = Bundle.module.url(forResource: "Fixtures", withExtension: nil) else {
            throw Failure.malformed
        }
        return folder.appendingPathComponent(name)
    }

    /// The runs of a file of groups, in order.
    static func runs(_ name: String) throws -> [Run] {
        guard case .array(let groups) = try JSONValue(parsing: [UInt8](Data(contentsOf: url(name)))) else {
            throw Failure.malformed
        }
        return try groups.flatMap { group -> [Run] in
            guard let fields = group.object, let config = fields["config"]?.object,
                case .array(let counts)? = fields["counts"]
            else { throw Failure.malformed }
            let configuration = SchedulerConfiguration(fields: config, file: name)
            let named = fields["kind"]?.string
            let kind = try named.map { try #require(SamplerKind(name: $0)) } ?? configuration.samplerKind()
            return try counts.map { count in
                guard case .number(let steps) = count else { throw Failure.malformed }
                return Run(
                    kind: kind, configuration: configuration, steps: Int(steps),
                    isEulerAtZeroSNR: config["rescale_betas_zero_snr"] == .bool(true)
                        && (kind == .euler || kind == .eulerA),
                    name: "\(named ?? "the file's own"), \(Int(steps)) steps, \(config)",
                    group: [named, config["timestep_spacing"]?.string, config["prediction_type"]?.string]
                        .map { $0 ?? "" }.joined(separator: " "))
            }
        }
    }
}

/// Reads little-endian values off a file, one after the other.
struct LittleEndianReader {
    private let data: Data
    private var offset = 0

    init(_ name: String) throws {
        data = try Data(contentsOf: SamplingFixtures.url(name))
    }

    var isAtEnd: Bool { offset == data.count }

    mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) throws -> Value {
        let size = MemoryLayout<Value>.size
        guard offset + size <= data.count else { throw SamplingFixtures.Failure.malformed }
        defer { offset += size }
        return data[offset..<(offset + size)].reversed().reduce(0) { $0 << 8 | Value(truncatingIfNeeded: $1) }
    }

    mutating func float() throws -> Float {
        Float(bitPattern: try integer())
    }

    mutating func floats(_ count: Int) throws -> [Float] {
        try (0..<count).map { _ in try float() }
    }
}
