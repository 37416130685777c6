import Foundation

/// Writes one part of a model as one safetensors file in one precision.
package struct PartConverter {
    /// Where the file belongs in the model's folder.
    package let path: String
    /// Bytes of tensor data that will be written.
    package let outputBytes: Int
    private let folder: String
    private let tensors: [TensorEntry]
    private let precision: WeightPrecision

    /// Tensors that have no part in making images are left out.
    ///
    /// - Throws: `CheckpointError` for a tensor too large to be one.
    package init(folder: String, weightName: String, store: WeightStore, precision: WeightPrecision) throws {
        self.folder = folder
        self.precision = precision
        path = "\(folder)/\(weightName).safetensors"
        // Of other parts, such as a safety checker, nothing but the buffer of positions is known to be of no use.
        let isKnown = ModelPart(rawValue: folder) != nil
        tensors = isKnown ? store.weights : store.tensors.filter { !isPositionBuffer($0.key) }
        outputBytes = try tensors.reduce(0) { sum, tensor in
            guard let size = byteCount(of: tensor.shape, Self.targetType(tensor, precision)) else {
                throw CheckpointError.malformed(file: tensor.file.path, reason: "\(printable(tensor.key)) is too large")
            }
            return sum + size
        }
    }

    /// Writes the file; it appears under its name when it is whole and synced.
    ///
    /// - Parameter progress: called with the bytes just written; what it throws ends the conversion.
    package func write(to url: URL, report: inout ModelConverter.Report, progress: (Int) throws -> Void) throws {
        let writer = try SafetensorsWriter(
            url,
            tensors: tensors.map { .init(key: $0.key, dataType: Self.targetType($0, precision), shape: $0.shape) })
        let sources = Dictionary(tensors.map { ($0.key, $0) }) { first, _ in first }
        for target in writer.tensors {
            guard let source = sources[target.key] else { preconditionFailure("\(target.key) has no source") }
            let overflows = try Self.copy(source, as: target.dataType) { chunk in
                try writer.append(chunk)
                try progress(chunk.count)
            }
            if overflows > 0 { report.overflows["\(folder)/\(target.key)"] = overflows }
            report.tensorCount += 1
        }
        for (path, state) in Dictionary(
            tensors.map { ($0.file.path, $0.file.state) }, uniquingKeysWith: { first, _ in first })
        {
            try MappedFile.requireUnchanged(path, state)
        }
        try writer.finish()
    }

    /// Integers stay what they are.
    private static func targetType(_ tensor: TensorEntry, _ precision: WeightPrecision) -> DataType {
        tensor.dataType.isWeightType ? precision.dataType : tensor.dataType
    }

    /// Hands the tensor's values to `append` in chunks; returns how many became infinite.
    private static func copy(
        _ entry: TensorEntry, as target: DataType, append: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Int {
        // Small enough to stay in the processor's cache between the conversion and the copy into the file.
        let chunk = 1 << 20
        let from = entry.dataType.byteCount
        let to = target.byteCount
        var overflows = 0
        try entry.stored().withBytes { values in
            try withUnsafeTemporaryAllocation(byteCount: chunk / from * to, alignment: 64) { buffer in
                for start in stride(from: 0, to: values.count, by: chunk) {
                    let source = UnsafeRawBufferPointer(rebasing: values[start..<min(start + chunk, values.count)])
                    if entry.dataType == target {
                        try append(source)
                    } else {
                        let converted = UnsafeMutableRawBufferPointer(rebasing: buffer[..<(source.count / from * to)])
                        overflows += convert(source, entry.dataType, into: converted, target)
                        try append(UnsafeRawBufferPointer(converted))
                    }
                }
            }
        }
        entry.file.release(entry.byteRange)
        return overflows
    }

    private static func convert(
        _ source: UnsafeRawBufferPointer, _ from: DataType, into target: UnsafeMutableRawBufferPointer, _ to: DataType
    ) -> Int {
        switch (from, to) {
        case (.float64, .float16): return FloatConversion.narrowFloat64(source, into: target)
        case (.float64, .float32): return FloatConversion.narrowToFloat32(source, into: target)
        case (.float8e4m3, .float16), (.float8e5m2, .float16): FloatConversion.upcastFloat8(source, from, into: target)
        case (.float8e4m3, .float32), (.float8e5m2, .float32):
            // By way of float16, which holds every value.
            withUnsafeTemporaryAllocation(byteCount: source.count * 2, alignment: 64) { halves in
                FloatConversion.upcastFloat8(source, from, into: halves)
                FloatConversion.upcast(UnsafeRawBufferPointer(halves), into: target)
            }
        case (.float32, .float16): return FloatConversion.narrow(source, into: target)
        case (.bfloat16, .float16): return FloatConversion.narrowBFloat16(source, into: target)
        case (.float16, .float32): FloatConversion.upcast(source, into: target)
        case (.bfloat16, .float32): FloatConversion.upcastBFloat16(source, into: target)
        default: preconditionFailure("no conversion from \(from) to \(to)")
        }
        return 0
    }
}
