import Files
import Foundation
import HTTPClient
import ImageCodecs

/// A photo on the web. What it is, its bytes decide, as of a file.
struct WebPhoto {
    /// What a server may take of memory and time.
    private static let byteLimit = 256 << 20
    private static let seconds = 300.0

    /// The name for people: without user, password and query, which may be secrets.
    let name: String
    private let address: String

    /// nil for the name of a file. An address of another kind than http and https is refused when it is read.
    init?(_ argument: String) {
        guard Self.isAddress(argument), FileKind(argument) == nil else { return nil }
        address = argument
        name = WebAddress(argument)?.display ?? WebAddress.redacted(argument)
    }

    /// An argument as it may be shown: a name of a file is as it is.
    static func shown(_ argument: String) -> String { WebPhoto(argument)?.name ?? argument }

    /// Whether a text starts with a scheme and `://`. A regular expression would be slow for a million names.
    private static func isAddress(_ text: String) -> Bool {
        let isLetter = { (byte: UInt8) in 0x61...0x7A ~= byte | 0x20 }
        guard let first = text.utf8.first, isLetter(first) else { return false }
        let rest = text.utf8.drop { isLetter($0) || 0x30...0x39 ~= $0 || "+.-".utf8.contains($0) }
        return rest.starts(with: "://".utf8)
    }

    /// What the photo's file would be called: the last part of the address's path, `picture` when it has none.
    var fileName: String {
        let escaped = FilePath(name).name
        guard WebAddress(address) != nil, !escaped.isEmpty else { return "picture" }
        let plain = escaped.removingPercentEncoding ?? escaped
        let isSafe = plain.unicodeScalars.allSatisfy { $0 != "/" && $0.properties.generalCategory != .control }
        // Room for what is added to it, below the 255 bytes of most file systems.
        return Self.cut(isSafe ? plain : escaped, toBytes: 200)
    }

    /// The whole file, and when the server says that it was changed (in seconds since 1970; 0 if it does not).
    ///
    /// What is no image by its first bytes is not downloaded further.
    func download() throws -> (data: Data, modified: Double) {
        let client = HTTPClient(userAgent: "cartoonize/\(cartoonizeVersion)")
        var (modified, isChecked, kind) = (0.0, false, "")
        do {
            let data = try client.data(from: address, limit: Self.byteLimit, seconds: Self.seconds) { response, data in
                guard !isChecked, data.count >= ImageFormat.signatureLength || data.count == response.contentLength
                else { return }
                isChecked = true
                modified = response.lastModified ?? 0
                kind = response["content-type"].map { " (the server calls it \($0.prefix(80)))" } ?? ""
                _ = try ImageFormat(of: data)
            }
            guard !data.isEmpty else { throw ImageError.emptyFile }
            return (data, modified)
        } catch let error as HTTPError {
            throw CommandFailure(.input, "cannot read the photo: \(error)")
        } catch let error as ImageError {
            throw InputFile.failure(name, error.description + kind)
        }
    }

    /// The longest start of whole characters that fits.
    private static func cut(_ text: String, toBytes limit: Int) -> String {
        var text = text
        while text.utf8.count > limit { text.removeLast() }
        return text
    }
}

extension Photo {
    /// The photo's name for people.
    var name: String { WebPhoto.shown(path) }
}
