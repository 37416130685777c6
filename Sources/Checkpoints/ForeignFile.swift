import Foundation

/// What a file is that holds no weights in any format read here, recognized by its first bytes, as a clause that completes
/// "it is"; nil when that is not known.
func foreignFile(_ bytes: FileBytes, name: String) -> String? {
    let start = bytes.prefix(512)
    let text = String(decoding: start, as: UTF8.self)
    let trimmed = text.drop { $0.isWhitespace || $0 == "\u{FEFF}" }.lowercased()
    let fileExtension = name.split(separator: ".").last.map { $0.lowercased() }
    if text.hasPrefix("version https://git-lfs") {
        return "a Git LFS pointer, the note that stands for a large file in a repository: fetch the file itself "
            + "(git lfs pull), or use 'cartoonize pull'"
    }
    if trimmed.hasPrefix("<!doctype") || trimmed.hasPrefix("<html") {
        return "an HTML page, not what a link on it leads to: download the file itself, signed in if need be"
    }
    if text.hasPrefix("{\"error\"") { return "a server's error message, not what was asked for" }
    if start.count >= 256, start.allSatisfy({ $0 == 0 }) {
        return "nothing but zeros where it starts: a download that took the room and did not fill it"
    }
    if trimmed.hasPrefix("<?xml") { return "an XML file, such as a server's error or part of an OpenVINO model" }
    if text.hasPrefix("GGUF") {
        return "a GGUF file, whose quantised formats are not read; take the same model as safetensors"
    }
    let isONNX = fileExtension == "onnx" || (start.first == 0x08 && (text.contains("pytorch") || text.contains("onnx")))
    if isONNX { return "an ONNX model, a compiled form; take the same model as safetensors" }
    if start.starts(with: [0x89, 0x48, 0x44, 0x46]) {
        return "an HDF5 file of Keras; take the same model as safetensors"
    }
    if fileExtension == "msgpack" { return "a Flax file; take the same model as safetensors" }
    if start.starts(with: [0x1F, 0x8B]) { return "compressed with gzip; unpack it first" }
    if start.starts(with: [0x37, 0x7A, 0xBC, 0xAF]) { return "a 7z archive; unpack it first" }
    if start.starts(with: Array("Rar!".utf8)) { return "a RAR archive; unpack it first" }
    if bytes.count > 262, bytes.dropFirst(257).starts(with: Array("ustar".utf8)) {
        return "a tar archive; unpack it first"
    }
    return nil
}
