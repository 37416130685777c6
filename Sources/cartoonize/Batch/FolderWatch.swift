import Files
import Foundation

/// Waits for files in folders, and reports those that are complete.
///
/// Where the system reports changes (inotify) they are seen at once; folders on other machines are looked at every few
/// seconds.
struct FolderWatch {
    private let descriptor = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
    private var folders: [Int32: String] = [:]
    /// Files that somebody began to write and has not closed.
    private var beingWritten: Set<FilePath> = []
    /// Files that were seen, as they were and since when they are so.
    private var seen: [FilePath: (state: State, since: ContinuousClock.Instant)] = [:]

    /// What changes as a file is written.
    struct State: Equatable {
        private let size: off_t
        private let modified: Double
        private let touched: Double

        init?(_ path: String) {
            var status = stat()
            guard fileStatus(path, &status) == 0 else { return nil }
            (size, modified, touched) = (status.st_size, status.modified, status.touched)
        }
    }

    /// How long a file that nobody is known to write stays as it is before it counts as complete; and one whose writer
    /// may have died.
    private static let (settled, abandoned) = (Duration.seconds(1), Duration.seconds(60))
    /// What files are called that other programs are still writing.
    private static let unfinished: Set = ["part", "partial", "crdownload", "download", "filepart", "tmp"]

    /// Begins to watch a folder, unless it does already.
    mutating func add(_ folder: String) {
        let events = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE
        let watch = SystemPath.with(folder) { inotify_add_watch(descriptor, $0, UInt32(events)) }
        // Without one, looking regularly has to do.
        if watch >= 0 { folders[watch] = folder }
    }

    /// Whether a file is there and nobody writes it any more.
    mutating func isComplete(_ path: String) -> Bool {
        guard let state = State(path), !Self.unfinished.contains(FilePath(path).fileExtension.lowercased()) else {
            return false
        }
        let key = FilePath(path)
        guard let known = seen[key], known.state == state else {
            seen[key] = (state, .now)
            return false
        }
        let time = known.since.duration(to: .now)
        return time >= (beingWritten.contains(key) ? Self.abandoned : Self.settled)
    }

    /// Forgets a file that was dealt with.
    mutating func forget(_ path: String) {
        seen[FilePath(path)] = nil
        beingWritten.remove(FilePath(path))
    }

    /// Waits for changes, or a while.
    mutating func wait() {
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        _ = poll(&request, 1, seen.isEmpty ? 5000 : 300)
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return }
            buffer.withUnsafeBytes { take($0[..<count]) }
        }
    }

    private mutating func take(_ events: Slice<UnsafeRawBufferPointer>) {
        var rest = events
        let header = MemoryLayout<inotify_event>.size
        while rest.count >= header {
            let event = rest.withUnsafeBytes { $0.loadUnaligned(as: inotify_event.self) }
            let name = rest.dropFirst(header).prefix(Int(event.len)).prefix { $0 != 0 }
            if let folder = folders[event.wd], !name.isEmpty {
                let path = FilePath(FilePath(folder).appending(SystemPath.string(name)))
                if event.mask & UInt32(IN_CREATE | IN_MODIFY) != 0 {
                    beingWritten.insert(path)
                } else {
                    beingWritten.remove(path)
                }
            }
            rest = rest.dropFirst(header + Int(event.len))
        }
    }
}
