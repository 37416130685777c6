/// Why an image could not be read or written; its description is one sentence for the user, without the file's name.
public enum ImageError: Error, Equatable, CustomStringConvertible {
    /// The file holds no bytes.
    case emptyFile
    /// The bytes are of no format that is read; what they look like, where that is known.
    case unknownFormat(looksLike: String?)
    /// The format is read with a library that is not installed; the Debian packages that it is in.
    case missingLibrary(ImageFormat, package: String)
    /// A side is longer than the format's codec takes.
    case sideTooLong(width: Int, height: Int, limit: Int)
    /// More pixels than the limits allow.
    case tooManyPixels(width: Int, height: Int, limit: Int)
    /// A large image of which the long side is more than `limit` times the short one.
    case tooNarrow(width: Int, height: Int, limit: Int)
    /// Fewer bytes than any image of the size that the header claims can be packed into.
    case implausibleSize(width: Int, height: Int, byteCount: Int)
    /// Far more pixels than a file of this length holds of anything but one colour.
    case outOfProportion(width: Int, height: Int, byteCount: Int)
    /// The file is cut off or damaged; what the codec found.
    case damaged(ImageFormat, reason: String)
    /// The file is valid, but of a kind that is not read.
    case unsupported(ImageFormat, reason: String)
    /// The format is written with a library that is not installed; the Debian packages that it is in.
    case missingEncoder(ImageFormat, package: String)
    /// The image could not be encoded.
    case encodingFailed(ImageFormat, reason: String)

    /// One sentence for the user, without the file's name.
    public var description: String {
        switch self {
        case .emptyFile:
            "the file is empty"
        case .unknownFormat(let looksLike?):
            "this is \(looksLike), which is not read: convert it to PNG or JPEG first"
        case .unknownFormat(nil):
            "this is not an image of a kind that is read (\(ImageFormat.list(ImageFormat.all)))"
        case .missingLibrary(let format, let package):
            "\(format) images are read with a library that is not installed: install Debian's \(package), or convert it"
        case .sideTooLong(let width, let height, let limit):
            "an image of \(width)x\(height) pixels has a side longer than \(limit)"
        case .tooManyPixels(let width, let height, let limit):
            "an image of \(width)x\(height) pixels is larger than the limit of \(limit / 1_000_000) megapixels"
        case .tooNarrow(let width, let height, let limit):
            "an image of \(width)x\(height) pixels is too narrow: of over 16 megapixels, the long side may be at most "
                + "\(limit) times the short one"
        case .implausibleSize(let width, let height, let byteCount):
            "\(byteCount) bytes cannot hold the \(width)x\(height) pixels that the file claims: it is damaged or cut off"
        case .outOfProportion(let width, let height, let byteCount):
            "\(byteCount) bytes that unfold to \(width)x\(height) pixels hold hardly more than one colour: it is not read"
        case .damaged(let format, let reason):
            "the \(format) file is damaged or cut off (\(reason))"
        case .unsupported(let format, let reason):
            "this kind of \(format) file is not supported (\(reason))"
        case .missingEncoder(let format, let package):
            "\(format) images are written with a library that is not installed: install Debian's \(package), or choose "
                + "another format"
        case .encodingFailed(let format, let reason):
            "the image cannot be written as \(format) (\(reason))"
        }
    }
}
