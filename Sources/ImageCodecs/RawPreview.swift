import Foundation

extension ImageFormat {
    /// Raw files of cameras, by the preview inside. Those whose first bytes are TIFF's are found by what follows, when they are
    /// opened as TIFF files.
    public static let cameraRaw: ImageFormat = .init(
        "camera raw",
        extensions: ["dng", "cr2", "nef", "nrw", "arw", "srf", "sr2", "orf", "rw2", "raw", "pef", "srw", "raf"],
        maximumSide: 65_500,
        matches: {
            $0.has("IIRO") || $0.has("IIRS") || $0.has("MMOR") || $0.has([0x49, 0x49, 0x55, 0])
                || $0.has("FUJIFILMCCD-RAW") || $0.has([0x49, 0x49, 0x2A, 0]) && $0.has("CR", at: 8)
        },
        open: { bytes, limits in
            if let jpeg = RawPreview.fujifilmPreview(bytes) { return try RawPreview(jpeg, .asStored, limits: limits) }
            guard let structure = TIFFStructure(bytes),
                let preview = try RawPreview(structure, bytes, limits: limits, isRaw: true)
            else { throw RawPreview.noPreview }
            return preview
        })
}

/// The JPEG preview inside a camera's raw file, of at least one megapixel: what the sensor saw is not developed here.
struct RawPreview: ImageReader {
    private static let leastPixels = 1_000_000
    private static let mostDirectories = 64

    private let jpeg: JPEGReader
    private let orientation: Orientation

    static let noPreview: ImageError = ImageError.unsupported(
        .cameraRaw, reason: "it holds no preview of at least one megapixel; develop it first")

    private enum Tag {
        static let compression = 0x0103
        static let photometric = 0x0106
        static let stripOffsets = 0x0111
        static let stripByteCounts = 0x0117
        static let subdirectories = 0x014A
        static let jpegOffset = 0x0201
        static let jpegLength = 0x0202
        static let panasonicPreview = 0x002E
        static let dngVersion = 0xC612
    }

    fileprivate init(_ jpeg: UnsafeBufferPointer<UInt8>, _ orientation: Orientation, limits: ImageLimits) throws {
        self.jpeg = try JPEGReader(jpeg, limits: limits)
        self.orientation = orientation
    }

    /// nil when the file is a TIFF file like any other.
    init?(
        _ file: TIFFStructure, _ bytes: UnsafeBufferPointer<UInt8>, limits: ImageLimits, isRaw: Bool = false
    ) throws {
        var isRaw = isRaw
        var previews: [UnsafeBufferPointer<UInt8>] = []
        var offsets = [file.firstDirectory]
        var seen: Set<Int> = []
        let whole = ByteReader(bytes: bytes)
        while let offset = offsets.popLast(), seen.count < Self.mostDirectories {
            guard seen.insert(offset).inserted, let directory = TIFFDirectory(at: offset, of: file) else { continue }
            // A colour filter array, or what was computed from one.
            if [0x8023, 0x884C].contains(directory[Tag.photometric]?.integer) { isRaw = true }
            if directory[Tag.dngVersion] != nil { isRaw = true }
            if let next = directory.next { offsets.append(next) }
            offsets += directory[Tag.subdirectories]?.integers ?? []
            for place in Self.places(directory) {
                guard let content = whole.slice(at: place.offset, count: place.count),
                    content.starts(with: [0xFF, 0xD8])
                else { continue }
                previews.append(UnsafeBufferPointer(rebasing: content))
            }
        }
        guard isRaw else { return nil }
        let readers = previews.compactMap { try? JPEGReader($0, limits: limits) }
        func pixels(_ reader: JPEGReader) -> Int { reader.header.width * reader.header.height }
        guard let largest = readers.max(by: { pixels($0) < pixels($1) }), pixels(largest) >= Self.leastPixels else {
            throw Self.noPreview
        }
        jpeg = largest
        // Some previews are turned already and say so, some say nothing and lie like the sensor.
        orientation = largest.orientation == .asStored ? EXIF(file).orientation : .asStored
    }

    private static func places(_ directory: TIFFDirectory) -> [(offset: Int, count: Int)] {
        func place(_ offset: Int, _ count: Int) -> (offset: Int, count: Int)? {
            guard let offset = directory[offset]?.integers.first, let count = directory[count]?.integers.first else {
                return nil
            }
            return (offset, count)
        }
        var places = [place(Tag.jpegOffset, Tag.jpegLength)]
        if [6, 7].contains(directory[Tag.compression]?.integer) {
            places.append(place(Tag.stripOffsets, Tag.stripByteCounts))
        }
        if let range = directory[Tag.panasonicPreview]?.range { places.append((range.offset, range.count)) }
        return places.compactMap { $0 }
    }

    /// The preview of Fujifilm's format, whose header says where it is.
    fileprivate static func fujifilmPreview(_ bytes: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8>? {
        let reader = ByteReader(bytes: bytes)
        guard bytes.starts(with: "FUJIFILMCCD-RAW".utf8), let offset = reader.uint32(at: 84),
            let count = reader.uint32(at: 88), let content = reader.slice(at: offset, count: count)
        else { return nil }
        return UnsafeBufferPointer(rebasing: content)
    }

    var header: ImageHeader {
        var header = ImageHeader(
            format: .cameraRaw, width: jpeg.header.width, height: jpeg.header.height, hasAlpha: false,
            exif: EXIF(orientation: orientation))
        header.metadata = jpeg.header.metadata
        return header
    }

    func decode() throws -> DecodedImage {
        let image = try jpeg.decode()
        let shown = orientation.shownSize(width: image.width, height: image.height)
        return DecodedImage(
            width: shown.width, height: shown.height,
            rgb: orientation.apply(to: image.rgb, width: image.width, height: image.height, channels: 3),
            iccProfile: image.iccProfile, metadata: image.metadata,
            notes: image.notes + ["a camera's raw file: its preview of \(shown.width)x\(shown.height) pixels is read"])
    }
}
