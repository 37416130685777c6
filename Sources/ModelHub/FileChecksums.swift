import Files
import Foundation

/// The file `SHA256SUMS` beside a model, as `sha256sum` writes and checks it: what each of its files has to be.
public enum FileChecksums {
    /// The file's name in a model's folder.
    public static let name = "SHA256SUMS"

    /// The SHA-256 checksum of a regular file.
    ///
    /// - Throws: `HubError.unreadable`.
    public static func checksum(of file: URL) throws -> String {
        let digest = Digest.sha256()
        try reading(file) { try digest.update(contentsOf: $0) }
        return digest.finish()
    }

    /// Writes the checksums of all files in `folder` and below.
    static func write(for folder: URL) throws {
        let paths = (FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []).sorted()
        var lines = ""
        for path in paths where path != name {
            let file = folder.appendingPathComponent(path)
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder), !isFolder.boolValue else {
                continue
            }
            lines += "\(try checksum(of: file))  \(path)\n"
        }
        try writeAtomically(Data(lines.utf8), to: folder.appendingPathComponent(name))
    }

    /// The checksums that are known of a model's files, by path: those of `SHA256SUMS`, and in the Hugging Face cache the
    /// names of the files that its links lead to.
    ///
    /// - Throws: `HubError` when the file is damaged.
    public static func known(of folder: URL) throws -> [String: String] {
        var checksums: [String: String] = [:]
        for path in FileManager.default.enumerator(atPath: folder.path)?.compactMap({ $0 as? String }) ?? [] {
            let file = folder.appendingPathComponent(path).path
            guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: file),
                target.contains("blobs/"), let name = target.split(separator: "/").last, isChecksum(name)
            else { continue }
            checksums[path] = String(name)
        }
        let file = folder.appendingPathComponent(name).path
        let content: [UInt8]
        do {
            content = try RegularFile.contents(of: file, limit: listLimit)
        } catch  where error.isAbsence {
            return checksums
        } catch {
            throw HubError.unreadable(file: file, reason: error.description)
        }
        for line in content.split(separator: UInt8(ascii: "\n")) {
            guard let text = String(validating: line, as: UTF8.self) else { throw HubError.damaged(file) }
            let parts = text.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, isChecksum(parts[0]) else { throw HubError.damaged(file) }
            let path = parts[1].drop { $0 == " " || $0 == "*" }
            // A checksum is of a file of this model: no other file of the machine is opened because a list names it.
            guard isInside(path) else {
                throw HubError.unreadable(file: file, reason: "it names a file outside of the model's folder")
            }
            checksums[String(path)] = String(parts[0])
        }
        return checksums
    }

    /// A model has some twenty files.
    private static let listLimit = 1 << 20

    /// Whether a path stays within the folder that it is relative to.
    private static func isInside(_ path: Substring) -> Bool {
        let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return parts.allSatisfy { !$0.isEmpty && !$0.elementsEqual("..".utf8) } && !path.utf8.contains(0)
    }

    static func isChecksum(_ text: some StringProtocol) -> Bool {
        text.utf8.count == 64 && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    private static func reading(_ file: URL, _ body: (Int32) throws -> Void) throws {
        do {
            let opened = try RegularFile(file.path)
            try body(opened.descriptor)
        } catch let error as RegularFile.Failure {
            throw HubError.unreadable(file: file.path, reason: error.description)
        } catch HubError.disk(let reason) {
            throw HubError.unreadable(file: file.path, reason: reason)
        }
    }
}

/// Writes a small file that appears as a whole.
func writeAtomically(_ data: Data, to url: URL) throws {
    do {
        try data.write(to: url, options: .atomic)
    } catch {
        throw HubError.disk("\(url.path): \(error.localizedDescription)")
    }
}
