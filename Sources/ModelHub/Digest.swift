import CCrypto
import Files
import Foundation

/// A running SHA-256 or SHA-1 checksum.
package final class Digest {
    private let context = EVP_MD_CTX_new()

    /// SHA-256, which the hub lists for large files.
    package static func sha256() -> Digest { Digest(EVP_sha256()) }

    /// The SHA-256 of `bytes` in hexadecimal.
    package static func sha256(of bytes: some ContiguousBytes) -> String {
        let digest = sha256()
        bytes.withUnsafeBytes { digest.update($0) }
        return digest.finish()
    }

    /// Git's name of a file of `size` bytes (SHA-1 over a header and the content), which the hub lists for small ones.
    package static func gitBlob(size: Int) -> Digest {
        let digest = Digest(EVP_sha1())
        Array("blob \(size)\0".utf8).withUnsafeBytes { digest.update($0) }
        return digest
    }

    private init(_ kind: OpaquePointer?) {
        EVP_DigestInit_ex(context, kind, nil)
    }

    deinit { EVP_MD_CTX_free(context) }

    package func update(_ bytes: UnsafeRawBufferPointer) {
        EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    }

    /// The checksum of everything so far in hexadecimal; nothing can be added after it.
    package func finish() -> String {
        var bytes = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        EVP_DigestFinal_ex(context, &bytes, &count)
        return bytes.prefix(Int(count)).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

extension Digest {
    /// Adds what `descriptor` holds from its start to its end.
    func update(contentsOf descriptor: Int32) throws(HubError) {
        var chunk = [UInt8](repeating: 0, count: 1 << 20)
        var offset: off_t = 0
        while true {
            let count = pread(descriptor, &chunk, chunk.count, offset)
            if count == 0 { return }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw .disk(systemMessage())
            }
            chunk.withUnsafeBytes { update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            offset += off_t(count)
        }
    }
}
