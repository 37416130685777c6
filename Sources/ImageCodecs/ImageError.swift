/// Why a picture could not be read or written; its description is one sentence for the user, without the file's name.
public enum ImageError: Error, Equatable, CustomStringConvertible {
    /// The file holds no bytes.
    case emptyFile
    /// The bytes are of no format that is read; what they look like, where that is known.
    case unknownFormat(looksLike: String?)
    /// The format is read with a library that is not installed; the Debian package that it is in.
    case missingLibrary(ImageFormat, package: String)
    /// A side is longer than the format's codec takes.
    case sideTooLong(width: Int, height: Int, limit: Int)
    /// More pixels than the limits allow.
    case tooManyPixels(width: Int, height: Int, limit: Int)
    /// Fewer bytes than any picture of the size that the header claims can be packed into.
    case implausibleSize(width: Int, height: Int, byteCount: Int)
    /// The file is cut off or damaged; what the codec found.
    case damaged(ImageFormat, reason: String)
    /// The file is valid, but of a kind that is not read.
    case unsupported(ImageFormat, reason: String)
    /// The picture could not be encoded.
    case encodingFailed(ImageFormat, reason: String)

    /// One sentence for the user, without the file's name.
    public var description: String {
        switch self {
        case .emptyFile:
            "the file is empty"
        case .unknownFormat(let looksLike?):
            "this is \(looksLike), and only PNG, JPEG and WebP pictures are read: convert it first"
        case .unknownFormat(nil):
            "this is not a PNG, JPEG or WebP picture"
        case .missingLibrary(let format, let package):
            "\(format) pictures are read with a library that is not installed: install Debian's \(package), or convert it"
        case .sideTooLong(let width, let height, let limit):
            "a picture of \(width)x\(height) pixels has a side longer than \(limit)"
        case .tooManyPixels(let width, let height, let limit):
            "a picture of \(width)x\(height) pixels is larger than the limit of \(limit / 1_000_000) megapixels"
        case .implausibleSize(let width, let height, let byteCount):
            "\(byteCount) bytes cannot hold the \(width)x\(height) pixels that the file claims: it is damaged or cut off"
        case .damaged(let format, let reason):
            "the \(format) file is damaged or cut off (\(reason))"
        case .unsupported(let format, let reason):
            "this kind of \(format) file is not supported (\(reason))"
        case .encodingFailed(let format, let reason):
            "the picture cannot be written as \(format) (\(reason))"
        }
    }
}
