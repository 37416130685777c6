import Foundation

/// An image file format: how it is recognized, and what reads and writes it.
///
/// The formats' values stand beside their readers; a new one becomes known to searches, help and errors by its place in
/// `all`.
public struct ImageFormat: Sendable {
    /// The name for people, such as `JPEG`.
    public let name: String
    /// The extensions of its files in lower case; the first is given to new ones.
    public let fileExtensions: [String]
    /// The longest side that the format's codec takes, in pixels.
    public let maximumSide: Int
    /// Whether files that start with these bytes (up to `signatureLength` of them) are of this format.
    let matches: @Sendable (_ start: FileStart) -> Bool
    /// Opens a file over bytes that outlive the reader, and reads its header.
    let open: @Sendable (_ bytes: UnsafeBufferPointer<UInt8>, _ limits: ImageLimits) throws -> any ImageReader
    /// nil for a format that is only read.
    let writer: ImageWriter?
    /// The Debian packages of the libraries that are opened when the program runs, and whether they are there.
    let library: ImageLibrary?

    init(
        _ name: String, extensions: [String], maximumSide: Int, library: ImageLibrary? = nil,
        writer: ImageWriter? = nil, matches: @escaping @Sendable (FileStart) -> Bool,
        open: @escaping @Sendable (UnsafeBufferPointer<UInt8>, ImageLimits) throws -> any ImageReader
    ) {
        self.name = name
        fileExtensions = extensions
        self.maximumSide = maximumSide
        self.library = library
        self.writer = writer
        self.matches = matches
        self.open = open
    }

    /// Every format, in the order in which help names them and files are matched against them.
    public static let all: [ImageFormat] = [
        png, jpeg, webp, heic, avif, jpegXL, cameraRaw, tiff, gif, bmp, pnm, qoi,
    ]
}

extension ImageFormat: Hashable, CustomStringConvertible {
    /// The format's usual name.
    public var description: String { name }
    public static func == (first: ImageFormat, second: ImageFormat) -> Bool { first.name == second.name }
    public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

extension ImageFormat {
    /// As many bytes as it takes to recognize a file.
    public static let signatureLength = 64

    /// The formats that are written, where their libraries are installed.
    public static var writable: [ImageFormat] { all.filter { $0.writer != nil } }

    /// The format of files with an extension, in any case; nil for one that is not known.
    public init?(fileExtension: String) {
        let wanted = fileExtension.lowercased()
        guard let format = Self.all.first(where: { $0.fileExtensions.contains(wanted) }) else { return nil }
        self = format
    }

    /// The format that the first bytes of a file show, whatever the file is called; nil when they show none.
    public init?(start: some Sequence<UInt8>) {
        let start = FileStart(start)
        guard let format = Self.all.first(where: { $0.matches(start) }) else { return nil }
        self = format
    }

    /// Whether the first bytes of a file are those of an image, of a format that is read or of another well-known one.
    public static func isPicture(start: some Sequence<UInt8>) -> Bool {
        let start = FileStart(start)
        return all.contains { $0.matches(start) } || start.foreignPicture != nil
    }

    /// The format that the content shows.
    ///
    /// Throws `ImageError.emptyFile` or `.unknownFormat`, which names other well-known kinds of file.
    public init(of data: some Collection<UInt8>) throws {
        if data.isEmpty { throw ImageError.emptyFile }
        guard let format = Self(start: data.prefix(Self.signatureLength)) else {
            throw ImageError.unknownFormat(looksLike: FileStart(data).foreignKind)
        }
        self = format
    }

    /// Whether its library, if it needs one, is installed for reading.
    public var isReadable: Bool { library?.isReadable() ?? true }

    /// Throws `ImageError.missingLibrary` when its library is not installed for reading.
    func requireReadable() throws {
        if let library, !library.isReadable() { throw ImageError.missingLibrary(self, package: library.package) }
    }

    /// The formats' names in a sentence: `PNG, JPEG and WebP`.
    public static func list(_ formats: [ImageFormat], _ conjunction: String = "and") -> String {
        let names = formats.map(\.name)
        guard let last = names.last, names.count > 1 else { return names.joined() }
        return names.dropLast().joined(separator: ", ") + " \(conjunction) \(last)"
    }
}

/// A library that is opened when the program runs.
struct ImageLibrary: Sendable {
    /// The Debian packages that hold it.
    let package: String
    let isReadable: @Sendable () -> Bool
    var isWritable: @Sendable () -> Bool = { false }
}

/// The first bytes of a file.
struct FileStart {
    let bytes: [UInt8]

    init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes.prefix(ImageFormat.signatureLength)) }

    func has(_ text: String, at offset: Int = 0) -> Bool { has(Array(text.utf8), at: offset) }

    func has(_ wanted: [UInt8], at offset: Int = 0) -> Bool { bytes.dropFirst(offset).starts(with: wanted) }

    /// The brands of an ISO base media file (ISO/IEC 14496-12, "ftyp"): the major one first.
    var brands: [String] {
        guard has("ftyp", at: 4) else { return [] }
        let size = ByteReader(bytes: bytes).uint32(at: 0) ?? 0
        return stride(from: 8, to: min(size, bytes.count) - 3, by: 4).filter { $0 != 12 }
            .map { String(decoding: bytes[$0..<$0 + 4], as: UTF8.self) }
    }

    /// What a file of no format that is read looks like.
    var foreignKind: String? {
        if let picture = foreignPicture { return picture }
        if !brands.isEmpty { return "a video" }
        if has("%PDF") { return "a PDF document" }
        let text = String(decoding: bytes, as: UTF8.self).lowercased().drop(while: \.isWhitespace)
        if text.hasPrefix("<svg") || text.hasPrefix("<?xml") { return "an SVG or XML document" }
        if text.hasPrefix("<!doctype") || text.hasPrefix("<html") { return "a web page" }
        return nil
    }

    /// What kind of image it looks like, of those that are not read.
    var foreignPicture: String? {
        if brands.first == "crx " { return "a camera raw file (Canon CR3)" }
        if has("8BPS") { return "a Photoshop document" }
        if has([0, 0, 0, 12, 0x6A, 0x50, 0x20, 0x20]) || has([0xFF, 0x4F, 0xFF, 0x51]) {
            return "a JPEG 2000 image"
        }
        if has([0, 0, 1, 0]) { return "an icon (ICO)" }
        if has([0x76, 0x2F, 0x31, 0x01]) { return "an OpenEXR image" }
        if has("#?RADIANCE") { return "a Radiance HDR image" }
        if has("DDS ") { return "a DDS texture" }
        return nil
    }
}
