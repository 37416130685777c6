import Checkpoints
import Foundation
import ModelHub
import StableDiffusion

/// What a model, or a file of weights alone, consists of.
struct InspectedModel {
    private let name: String
    /// Facts in the order they are printed.
    private let facts: [(name: String, value: String)]
    private let parts: [(name: String, tensors: [TensorEntry])]

    /// Reads a model's configurations and the headers of its weights.
    init(_ found: FoundModel) throws {
        let model = try ModelDirectory(found.location)
        name = found.name
        var facts = [("found", found.origin.rawValue), ("folder", found.location.path)]
        if let source = PullSource.read(found.location) {
            facts.append(("source", "\(source.repository) at \(source.commit)"))
        }
        let sampler = try? model.sampler
        let defaults = model.defaults(sampler: sampler ?? .ddim)
        facts += [
            ("sampler", sampler?.rawValue ?? "none that is known here; --sampler chooses one"),
            ("instruction", defaults.instruction), ("steps", "\(defaults.steps)"),
            ("guidance", "\(defaults.guidanceScale)"), ("image guidance", "\(defaults.imageGuidanceScale)"),
            ("native size", "\(model.nativeSize)"),
        ]
        facts += model.notes.map { ("note", $0) }
        self.facts = facts
        parts = try ModelPart.allCases.map { ($0.rawValue, try model.weights(of: $0).tensors) }
    }

    /// Reads the header of a file of weights, whatever they are of.
    init(file: String) throws {
        name = file
        facts = []
        parts = [("tensors", try readTensors(URL(fileURLWithPath: file)))]
    }

    func print(tensors: Bool, json: Bool) throws {
        guard !json else { return try StandardStreams.printResult(report(tensors: tensors).jsonLine()) }
        var lines = [name] + facts.map { "\($0.name): \($0.value)" }
        for part in parts {
            lines.append("\(part.name): \(TensorSummary(part.tensors))")
            guard tensors else { continue }
            for tensor in part.tensors {
                let shape = tensor.shape.map(String.init).joined(separator: "x")
                lines.append("  \(tensor.key)  \(tensor.dataType.rawValue)  \(shape.isEmpty ? "scalar" : shape)")
            }
        }
        // Keys come from files that anybody may have written.
        for line in lines { try StandardStreams.printResult(singleLine(line)) }
    }

    private struct Report: Encodable {
        struct Part: Encodable {
            let tensors: Int
            let parameters: Int
            let bytes: Int
            let formats: [String: Int]
            let shapes: [String: [Int]]?
        }
        let name: String
        let facts: [String: String]
        let parts: [String: Part]
    }

    private func report(tensors: Bool) -> Report {
        Report(
            name: name, facts: Dictionary(facts.map { ($0.name, $0.value) }) { first, _ in first },
            parts: Dictionary(
                parts.map { part in
                    let summary = TensorSummary(part.tensors)
                    let shapes = Dictionary(part.tensors.map { ($0.key, $0.shape) }) { first, _ in first }
                    return (
                        part.name,
                        Report.Part(
                            tensors: summary.count, parameters: summary.parameters, bytes: summary.bytes,
                            formats: summary.formats, shapes: tensors ? shapes : nil)
                    )
                }
            ) { first, _ in first })
    }
}

/// Counts of some tensors; prints as `686 tensors, 859.5 M parameters, F16, 1.72 GB`.
struct TensorSummary: CustomStringConvertible {
    let count: Int
    let parameters: Int
    let bytes: Int
    /// How many tensors have each format.
    let formats: [String: Int]

    init(_ tensors: [TensorEntry]) {
        count = tensors.count
        parameters = tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
        bytes = tensors.reduce(0) { $0 + $1.shape.reduce($1.dataType.byteCount, *) }
        formats = Dictionary(tensors.map { ($0.dataType.rawValue, 1) }, uniquingKeysWith: +)
    }

    var description: String {
        let names = formats.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key).joined(separator: " and ")
        return "\(count) tensors, \(String(format: "%.1f", Double(parameters) / 1e6)) M parameters, \(names), "
            + byteCountText(bytes)
    }
}
