/// The entries of a zip archive as `torch.save` writes it, each a range of the file; or as a packer of files made it anew,
/// compressed, and then unpacked into memory here.
///
/// Only the central directory is believed, and only as far as it agrees with itself: entries that are encrypted, named
/// twice, overlapping or outside the file are refused, and those that are compressed when all together would take more
/// than four times the file's size, which leaves nothing a zip bomb could use. Checksums are not computed: reading
/// gigabytes twice would double the time to load.
/// Format: PKWARE APPNOTE 6.3, sections 4.3 and 4.5.3 (zip64).
struct ZipArchive {
    private static let entryLimit = 100_000
    /// Compressed weights are hardly smaller than the weights.
    private static let expansionLimit = 4
    /// What no model exceeds that somebody compressed.
    private static let unpackedLimit = 32 << 30

    /// What holds the entries: the file, or their unpacked content.
    let contents: MappedFile
    /// The bytes of each entry in `contents`, by name.
    let entries: [String: Range<Int>]

    init(_ file: MappedFile) throws {
        var reader = ZipReader(file: file)
        let directory = try reader.centralDirectory()
        guard directory.count <= Self.entryLimit else {
            throw reader.malformed("its zip directory lists \(directory.count) entries")
        }
        reader.position = directory.range.lowerBound
        var entries: [String: ZipEntry] = [:]
        var extents: [Range<Int>] = []
        for _ in 0..<directory.count {
            let (name, entry, extent) = try reader.directoryEntry(before: directory.range)
            guard entries.updateValue(entry, forKey: name) == nil else {
                throw reader.malformed("its zip directory lists \(printable(name)) twice")
            }
            extents.append(extent)
        }
        guard reader.position == directory.range.upperBound else {
            throw reader.malformed("its zip directory has another length than it claims")
        }
        extents.sort { $0.lowerBound < $1.lowerBound }
        for (extent, next) in zip(extents, extents.dropFirst()) where extent.upperBound > next.lowerBound {
            throw reader.malformed("entries of its zip archive overlap")
        }
        guard entries.values.contains(where: \.isCompressed) else {
            contents = file
            self.entries = entries.mapValues(\.data)
            return
        }
        (contents, self.entries) = try Self.unpacked(entries, of: file)
    }

    /// All entries in one run of memory.
    private static func unpacked(
        _ entries: [String: ZipEntry], of file: MappedFile
    ) throws -> (MappedFile, [String: Range<Int>]) {
        let limit = min(file.count * expansionLimit, unpackedLimit)
        var ranges: [String: Range<Int>] = [:]
        var end = 0
        for (name, entry) in entries.sorted(by: { $0.value.data.lowerBound < $1.value.data.lowerBound }) {
            let start = (end + 63) / 64 * 64
            guard entry.size <= limit, start <= limit - entry.size else {
                throw CheckpointError.unsupported(
                    file: file.path, reason: "unpacked it would take more than \(expansionLimit) times its size")
            }
            ranges[name] = start..<start + entry.size
            end = start + entry.size
        }
        let contents = try MappedFile(unpackedFrom: file, count: end) { memory in
            for (name, range) in ranges {
                guard let entry = entries[name] else { continue }
                let target = UnsafeMutableRawBufferPointer(rebasing: memory[range])
                try file.withBytes(entry.data) { source in
                    if !entry.isCompressed {
                        target.copyMemory(from: source)
                    } else if !inflate(source, into: target) {
                        throw CheckpointError.malformed(
                            file: file.path, reason: "its entry \(printable(name)) cannot be unpacked")
                    }
                }
            }
        }
        return (contents, ranges)
    }
}

/// What the directory says of an entry.
private struct ZipEntry {
    /// Its bytes in the file.
    let data: Range<Int>
    let isCompressed: Bool
    /// Bytes unpacked.
    let size: Int
}

/// Reads little-endian fields of a zip archive with every access checked against the file.
private struct ZipReader {
    let file: MappedFile
    var position = 0

    func malformed(_ reason: String) -> CheckpointError {
        .malformed(file: file.path, reason: reason)
    }

    private func field<T: FixedWidthInteger>(_ type: T.Type, at offset: Int) throws -> T {
        guard offset >= 0, file.count >= MemoryLayout<T>.size, offset <= file.count - MemoryLayout<T>.size
        else { throw malformed("its zip archive is cut short") }
        return file.bytes.load(T.self, at: offset)
    }

    private func short(_ offset: Int) throws -> Int { Int(try field(UInt16.self, at: offset)) }
    private func word(_ offset: Int) throws -> Int { Int(try field(UInt32.self, at: offset)) }

    /// A 64-bit size or offset that fits `Int`; larger ones are outside any file anyway.
    private func long(_ offset: Int) throws -> Int { Int(clamping: try field(UInt64.self, at: offset)) }

    /// `length` bytes from `start`, which must end at `limit` at the latest.
    private func range(from start: Int, length: Int, limit: Int, _ what: String) throws -> Range<Int> {
        guard start >= 0, length >= 0, start <= limit, length <= limit - start else {
            throw malformed("\(what) lies outside of its zip archive")
        }
        return start..<start + length
    }

    /// Where the central directory lies and how many entries it lists, from the record at the file's end.
    func centralDirectory() throws -> (range: Range<Int>, count: Int) {
        let size = file.count
        // The record has 22 bytes and a comment of up to 65,535.
        let first = max(0, size - 22 - 65_535)
        for offset in stride(from: size - 22, through: first, by: -1)
        where try word(offset) == 0x0605_4B50 && short(offset + 20) == size - 22 - offset {
            var count = try short(offset + 10)
            var length = try word(offset + 12)
            var start = try word(offset + 16)
            var end = offset
            if offset >= 20, try word(offset - 20) == 0x0706_4B50 {  // zip64: the true figures are in a larger record
                end = try long(offset - 12)
                guard end <= offset - 20 - 56, try word(end) == 0x0606_4B50 else {
                    throw malformed("its zip64 record is not where it should be")
                }
                count = try long(end + 32)
                length = try long(end + 40)
                start = try long(end + 48)
            }
            return (try range(from: start, length: length, limit: end, "the directory"), count)
        }
        throw malformed("its zip archive has no end: it was probably cut short, download or copy it again")
    }

    /// Reads the directory entry at `position` and moves on.
    mutating func directoryEntry(before directory: Range<Int>) throws -> (
        name: String, entry: ZipEntry, extent: Range<Int>
    ) {
        _ = try range(from: position, length: 46, limit: directory.upperBound, "a directory entry")
        guard try word(position) == 0x0201_4B50 else { throw malformed("its zip directory is damaged") }
        let flags = try short(position + 8)
        let method = try short(position + 10)
        var stored = try word(position + 20)
        var original = try word(position + 24)
        let nameLength = try short(position + 28)
        let extraLength = try short(position + 30)
        let commentLength = try short(position + 32)
        var header = try word(position + 42)
        let tail = try range(
            from: position + 46, length: nameLength + extraLength + commentLength, limit: directory.upperBound,
            "a directory entry")
        let nameBytes = file.slice(tail.lowerBound..<tail.lowerBound + nameLength)
        guard let name = nameBytes.withBytes({ String(validating: $0, as: UTF8.self) }) else {
            throw malformed("its zip archive holds a name that is not valid UTF-8")
        }

        // zip64 fields stand in the order of the fields that are all ones.
        var extra = tail.lowerBound + nameLength
        let extraEnd = extra + extraLength
        while extra + 4 <= extraEnd {
            let length = try short(extra + 2)
            let content = try range(from: extra + 4, length: length, limit: extraEnd, "an extra field")
            if try short(extra) == 0x0001 {
                var offset = content.lowerBound
                func next() throws -> Int {
                    guard offset + 8 <= content.upperBound else { throw malformed("a zip64 field is too short") }
                    defer { offset += 8 }
                    return try long(offset)
                }
                if original == 0xFFFF_FFFF { original = try next() }
                if stored == 0xFFFF_FFFF { stored = try next() }
                if header == 0xFFFF_FFFF { header = try next() }
            }
            extra = content.upperBound
        }
        position = tail.upperBound

        guard flags & 1 == 0 else {
            throw CheckpointError.unsupported(file: file.path, reason: "its entry \(printable(name)) is encrypted")
        }
        guard method == 8 || (method == 0 && stored == original) else {
            throw CheckpointError.unsupported(
                file: file.path, reason: "its entry \(printable(name)) is packed by a method other than deflate")
        }
        // Nothing is ever extracted to a path; a name that tries is a sign of a file that is no checkpoint.
        guard !name.hasPrefix("/"), !name.contains("\\"), !name.utf8.contains(0),
            !name.split(separator: "/", omittingEmptySubsequences: false).contains("..")
        else {
            throw CheckpointError.unsupported(
                file: file.path, reason: "its entry \(printable(name)) has a path that leads outside")
        }
        _ = try range(from: header, length: 30, limit: directory.lowerBound, printable(name))
        guard try word(header) == 0x0403_4B50, try short(header + 26) == nameLength else {
            throw malformed("\(printable(name)) is not where the zip directory says")
        }
        let start = header + 30 + nameLength + (try short(header + 28))
        let data = try range(from: start, length: stored, limit: directory.lowerBound, printable(name))
        guard file.slice(header + 30..<header + 30 + nameLength).elementsEqual(nameBytes) else {
            throw malformed("\(printable(name)) has another name in the zip directory")
        }
        return (name, ZipEntry(data: data, isCompressed: method == 8, size: original), header..<data.upperBound)
    }
}
