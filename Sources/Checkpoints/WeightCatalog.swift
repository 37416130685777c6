import Foundation
import Synchronization

/// What the weight files of a model part hold. Their headers are read once; the files are mapped only while a store that
/// was opened, or a weight from it, is there.
public final class WeightCatalog: Sendable {
    /// What errors name.
    private let name: String
    private let files: [(path: String, state: MappedFile.State)]
    /// Each tensor's place, and which of the files it is in.
    private let tensors: [(place: TensorEntry.Place, file: Int)]
    /// The bytes of all files, as much as the virtual memory that mapping them takes.
    public let fileBytes: Int
    private let mapped: Mutex<[Mapping]>

    private struct Mapping {
        weak var file: MappedFile?
        /// What was unpacked from a file stays: it cannot be mapped again.
        let unpacked: MappedFile?

        init(_ file: MappedFile) {
            self.file = file
            unpacked = file.isFileBacked ? nil : file
        }
    }

    /// Takes what a store knows of its files.
    public init(_ store: WeightStore) {
        var indices: [ObjectIdentifier: Int] = [:]
        var files: [MappedFile] = []
        tensors = store.tensors.map { tensor in
            let index = indices[ObjectIdentifier(tensor.file)] ?? files.count
            if index == files.count {
                indices[ObjectIdentifier(tensor.file)] = index
                files.append(tensor.file)
            }
            return (tensor.place, index)
        }
        name = store.file
        self.files = files.map { ($0.path, $0.state) }
        fileBytes = files.reduce(0) { $0 + $1.count }
        mapped = Mutex(files.map { Mapping($0) })
    }

    /// The tensors, none of which counts as read.
    ///
    /// - Throws: `CheckpointError` if a file cannot be mapped, or is not the one that was looked at.
    public func open() throws -> WeightStore {
        let current = try mapped.withLock { mapped in
            try files.indices.map { index in
                if let file = mapped[index].file { return file }
                let file = try MappedFile(URL(fileURLWithPath: files[index].path))
                guard file.state == files[index].state else { throw CheckpointError.changed(file: file.path) }
                mapped[index].file = file
                return file
            }
        }
        return WeightStore(file: name, tensors: tensors.map { TensorEntry($0.place, in: current[$0.file]) })
    }

    /// - Throws: `CheckpointError.changed` if one of the files is no longer what it was when its header was read.
    public func requireUnchanged() throws {
        for file in files { try MappedFile.requireUnchanged(file.path, file.state) }
    }
}
