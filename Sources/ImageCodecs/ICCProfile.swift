import Foundation

/// A profile as found in a file, if it can describe RGB pixels; nil if it is malformed or for another colour space.
///
/// The profile of a grey or CMYK file says nothing about the RGB pixels that are decoded from it, and files with
/// the two together are refused by some readers.
func usableICCProfile(_ bytes: UnsafeBufferPointer<UInt8>) -> Data? {
    let reader = ByteReader(bytes: bytes)
    guard let size = reader.uint32(at: 0), size == bytes.count, size >= 132,
        reader.slice(at: 16, count: 4)?.elementsEqual("RGB ".utf8) == true,
        reader.slice(at: 36, count: 4)?.elementsEqual("acsp".utf8) == true
    else { return nil }
    return Data(buffer: bytes)
}
