import Foundation

/// Names of files as the system has them, which are bytes, in strings, which are Unicode.
///
/// A byte from 0x80 on that is not part of UTF-8 is a scalar of the last private ones, U+10FF80 to U+10FFFF, within the
/// program, so that every name has a string of its own and goes back to its bytes. A name that holds such a scalar itself
/// has each of its bytes so.
package enum SystemPath {
    private static let base: UInt32 = 0x10_FF00

    /// The string for a name's bytes.
    package static func string(_ bytes: some Collection<UInt8>) -> String {
        let isEscape = { (scalar: Unicode.Scalar) in escaped(scalar) != nil }
        if let text = String(validating: bytes, as: UTF8.self), !text.unicodeScalars.contains(where: isEscape) {
            return text
        }
        var text = String.UnicodeScalarView()
        var (rest, decoder) = (Array(bytes)[...], UTF8.ForwardParser())
        while !rest.isEmpty {
            var iterator = rest.makeIterator()
            var length = 1
            if case .valid(let encoded) = decoder.parseScalar(from: &iterator) {
                let scalar = UTF8.decode(encoded)
                length = encoded.count
                if !isEscape(scalar) {
                    text.append(scalar)
                    rest = rest.dropFirst(length)
                    continue
                }
            }
            for byte in rest.prefix(length) { append(byte, to: &text) }
            rest = rest.dropFirst(length)
            decoder = UTF8.ForwardParser()
        }
        return String(text)
    }

    /// The bytes of a name's string.
    package static func bytes(_ string: String) -> [UInt8] {
        // No name of Unicode alone has the first byte of the private scalars.
        guard string.utf8.contains(0xF4) else { return Array(string.utf8) }
        var bytes: [UInt8] = []
        for scalar in string.unicodeScalars {
            if let byte = escaped(scalar) {
                bytes.append(byte)
            } else {
                bytes += UTF8.encode(scalar) ?? Unicode.UTF8.encodedReplacementCharacter
            }
        }
        return bytes
    }

    /// The byte that a scalar stands for; nil for one that stands for itself.
    package static func escaped(_ scalar: Unicode.Scalar) -> UInt8? {
        scalar.value >= base + 0x80 ? UInt8(scalar.value - base) : nil
    }

    private static func append(_ byte: UInt8, to text: inout String.UnicodeScalarView) {
        text.append(byte < 0x80 ? Unicode.Scalar(byte) : Unicode.Scalar(base + UInt32(byte)) ?? "\u{FFFD}")
    }

    /// Calls `body` with a name as C functions take it.
    package static func with<Result>(_ string: String, _ body: (UnsafePointer<CChar>) -> Result) -> Result {
        guard string.utf8.contains(0xF4) else { return body(string) }
        return (bytes(string).map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { name in
            name.baseAddress.map(body) ?? body("")
        }
    }
}

// The system's calls for such strings: they are preferred to those that take a pointer.

package func open(_ path: String, _ flags: Int32) -> Int32 { SystemPath.with(path) { Glibc.open($0, flags) } }

package func open(_ path: String, _ flags: Int32, _ mode: mode_t) -> Int32 {
    SystemPath.with(path) { Glibc.open($0, flags, mode) }
}

/// `stat`, under another name, since that is also its result's.
package func fileStatus(_ path: String, _ status: inout stat) -> Int32 {
    SystemPath.with(path) { fstatat(AT_FDCWD, $0, &status, 0) }
}

package func lstat(_ path: String, _ status: inout stat) -> Int32 { SystemPath.with(path) { Glibc.lstat($0, &status) } }

@discardableResult
package func unlink(_ path: String) -> Int32 { SystemPath.with(path) { Glibc.unlink($0) } }

package func mkdir(_ path: String, _ mode: mode_t) -> Int32 { SystemPath.with(path) { Glibc.mkdir($0, mode) } }

package func access(_ path: String, _ mode: Int32) -> Int32 { SystemPath.with(path) { Glibc.access($0, mode) } }

func link(_ path: String, _ other: String) -> Int32 {
    SystemPath.with(path) { path in SystemPath.with(other) { Glibc.link(path, $0) } }
}

func rename(_ path: String, _ other: String) -> Int32 {
    SystemPath.with(path) { path in SystemPath.with(other) { Glibc.rename(path, $0) } }
}

/// The names in a folder, without `.` and `..`, in no order; nil when it cannot be read (`errno` says why).
package func namesInFolder(_ path: String) -> [String]? {
    guard let folder = SystemPath.with(path.isEmpty ? "." : path, { opendir($0) }) else { return nil }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { SystemPath.string($0.prefix { $0 != 0 }) }
        if name != ".", name != ".." { names.append(name) }
    }
    return names
}
