import Files
import Foundation
import ImageCodecs

/// Finds the photos that arguments mean: files, folders, patterns and addresses, in their order, each file once.
struct PhotoSearch {
    private(set) var photos: [Photo] = []
    /// Whether a folder, a pattern or more than one file was named, or a folder for the images: the rules of a batch
    /// hold, whatever the number of photos.
    private(set) var isBatch: Bool
    /// The files in folders that are no images we read.
    private(set) var otherFiles = 0

    private let recursive: Bool
    private var seen: Set<FilePath> = []

    init(recursive: Bool, isBatch: Bool) {
        self.recursive = recursive
        self.isBatch = isBatch
    }

    /// Photos of a batch that were found before.
    init(found photos: [Photo]) {
        self.init(recursive: false, isBatch: true)
        self.photos = photos
    }

    /// Adds what an argument means. A name of nothing is kept: reading it will say what is wrong.
    mutating func add(_ argument: String) {
        switch FileKind(argument) {
        case _ where WebPhoto(argument) != nil:
            addPhoto(Photo(path: argument, subfolder: ""))
        case .folder:
            isBatch = true
            addFolder(argument)
        case nil where argument.utf8.contains { "*?[".utf8.contains($0) }:
            let matches = Self.matches(of: argument)
            guard !matches.isEmpty else { return addPhoto(Photo(path: argument, subfolder: "")) }
            // A batch even of one: what -o means does not depend on the number.
            isBatch = true
            for match in matches {
                if FileKind(match) == .folder {
                    addFolder(match)
                } else {
                    addPhoto(Photo(path: match, subfolder: ""))
                }
            }
        default:
            addPhoto(Photo(path: argument, subfolder: ""))
        }
    }

    /// Adds the names in a list: one on each line, or ended by NUL bytes if there are any.
    mutating func add(list: [UInt8]) {
        let list = Self.unmarked(list)
        let separator = list.contains(0) ? UInt8(0) : UInt8(ascii: "\n")
        for entry in list.split(separator: separator) {
            let isLine = separator != 0 && entry.last == UInt8(ascii: "\r")
            let name = isLine ? entry.dropLast() : entry
            if !name.isEmpty { add(SystemPath.string(name)) }
        }
    }

    /// A list without its byte order mark, and one in UTF-16, as Windows writes them, in UTF-8.
    private static func unmarked(_ list: [UInt8]) -> [UInt8] {
        if list.starts(with: [0xEF, 0xBB, 0xBF]) { return Array(list.dropFirst(3)) }
        let isLittleEndian = list.starts(with: [0xFF, 0xFE])
        guard isLittleEndian || list.starts(with: [0xFE, 0xFF]) else { return list }
        let units = stride(from: 2, to: list.count - 1, by: 2).map { index in
            let pair = (UInt16(list[index]), UInt16(list[index + 1]))
            return isLittleEndian ? pair.1 << 8 | pair.0 : pair.0 << 8 | pair.1
        }
        return Array(String(decoding: units, as: UTF16.self).utf8)
    }

    private mutating func addPhoto(_ photo: Photo) {
        guard seen.insert(FilePath(photo.path)).inserted else { return }
        photos.append(photo)
        if photos.count > 1 { isBatch = true }
    }

    /// Adds a folder's images in the order of their names' bytes, which no language setting changes. Links to folders
    /// are not followed, so that there are no circles.
    private mutating func addFolder(_ root: String) {
        var found: [Photo] = []
        var folders = [""]
        while let subfolder = folders.popLast() {
            let folder = subfolder.isEmpty ? root : FilePath(root).appending(subfolder)
            guard let names = namesInFolder(folder) else {
                // Reading it as a photo will give the reason.
                found.append(Photo(path: folder, subfolder: FilePath(subfolder).parent))
                continue
            }
            for name in names where name.utf8.first != UInt8(ascii: ".") {
                let path = FilePath(folder).appending(name)
                if FileKind(path, followingLinks: false) == .folder {
                    // Not the small images of a gallery.
                    if recursive, name != "cartoonize.files" {
                        folders.append(FilePath(subfolder).appending(name))
                    }
                } else if Self.isOurs(name, at: path) {
                    continue
                } else if Self.looksLikePhoto(path) {
                    found.append(Photo(path: path, subfolder: subfolder))
                } else {
                    otherFiles += 1
                }
            }
        }
        found.sort { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
        found.forEach { addPhoto($0) }
    }

    /// Whether this program wrote a file beside its inputs: it is no input of the next run. Of images, the name alone
    /// does not show.
    private static func isOurs(_ name: String, at path: String) -> Bool {
        // Regular expressions would be slow for a million names.
        guard name.contains("cartoon") else { return false }
        if let match = name.wholeMatch(of: /(?s).*\.cartoon(-\d+)?(\.step-\d+)?\.([a-z]+)/) {
            return ImageFormat.writable.contains { $0.fileExtension == match.3 } && isSigned(path)
        }
        return name.wholeMatch(of: /cartoonize\.(seed|html|jsonl|\d+-of-\d+\.jsonl)/) != nil
    }

    /// Whether an image's embedded settings name this program. No decoder has to be trusted with the file for that: the
    /// words stand in it as they are, in UTF-8 or, in EXIF, in UTF-16; in most formats close to its start.
    private static func isSigned(_ path: String) -> Bool {
        do { return try isSigned(RegularFile(path)) } catch { return false }
    }

    private static func isSigned(_ file: borrowing RegularFile) throws(RegularFile.Failure) -> Bool {
        guard file.size <= 1 << 30 else { return false }
        let words = Data("Version: cartoonize ".utf8)
        let wide = Data(words.flatMap { (byte: UInt8) -> [UInt8] in [byte, 0] })
        for length in [1 << 14, file.size] {
            let bytes = try file.start(length)
            if bytes.range(of: words) != nil || bytes.range(of: wide) != nil { return true }
        }
        return false
    }

    /// Whether a file in a folder is taken: by its name, or else by its first bytes. Images of a kind that is not read
    /// are taken as well: that each of them failed is reported, with its kind.
    static func looksLikePhoto(_ path: String) -> Bool {
        let nameSaysSo = ImageFormat(fileExtension: FilePath(path).fileExtension) != nil
        switch FileKind(path) {
        // A link to nothing is reported like any file that cannot be read.
        case nil: return nameSaysSo
        case .file: return nameSaysSo || startsLikePicture(path)
        case .folder, .other: return false
        }
    }

    private static func startsLikePicture(_ path: String) -> Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var start = [UInt8](repeating: 0, count: ImageFormat.signatureLength)
        var count = 0
        repeat { count = read(descriptor, &start, start.count) } while count < 0 && errno == EINTR
        return count > 0 && ImageFormat.isPicture(start: start.prefix(count))
    }

    /// The paths that a shell's pattern matches, sorted by bytes.
    private static func matches(of pattern: String) -> [String] {
        var result = glob_t()
        defer { globfree(&result) }
        guard SystemPath.with(pattern, { glob($0, GLOB_NOSORT, nil, &result) }) == 0 else { return [] }
        let paths = (0..<Int(result.gl_pathc)).compactMap { index in
            result.gl_pathv[index].map { SystemPath.string(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
        }
        return paths.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}

extension PhotoSearch {
    /// More than names of photos take; a device may never end.
    private static let listLimit = 256 << 20

    private static func contents(ofList list: String) throws -> [UInt8] {
        func failure(_ reason: String) -> CommandFailure {
            CommandFailure(.input, "cannot read the list of photos \(list): \(reason)")
        }
        if list == "-", StandardStreams.wasClosed(STDIN_FILENO) { throw failure("standard input is closed") }
        let descriptor = list == "-" ? dup(STDIN_FILENO) : open(list, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(systemMessage(errno)) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count == 0 { return bytes }
            if count < 0, errno != EINTR { throw failure(systemMessage(errno)) }
            bytes += chunk[..<max(count, 0)]
            guard bytes.count <= listLimit else { throw failure("it is larger than \(byteCountText(listLimit))") }
        }
    }

    /// Finds the photos that arguments and the list of `--files-from` name.
    ///
    /// - Parameters:
    ///   - intoFolder: whether their images go into a folder that was named.
    ///   - mayBeEmpty: whether there may be none.
    init(
        _ arguments: [String], options: BatchOptions, intoFolder: Bool = true, mayBeEmpty: Bool = false
    ) throws {
        let (list, recursive) = (options.filesFrom, options.recursive)
        self.init(recursive: recursive, isBatch: intoFolder || list != nil || options.shard != nil)
        arguments.forEach { add($0) }
        if let list {
            add(list: try Self.contents(ofList: list))
        }
        guard !photos.isEmpty || mayBeEmpty else {
            let place = (arguments + [list].compactMap { $0 }).joined(separator: ", ")
            throw CommandFailure(
                .input, "there are no photos in \(place)" + (recursive ? "" : "; --recursive looks deeper"))
        }
    }
}
