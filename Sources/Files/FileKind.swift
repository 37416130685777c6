import Foundation

/// What is at a path; nil for nothing.
package enum FileKind {
    case file, folder
    /// A pipe, a device or a socket.
    case other

    package init?(_ path: String, followingLinks: Bool = true) {
        var status = stat()
        guard (followingLinks ? fileStatus(path, &status) : lstat(path, &status)) == 0 else { return nil }
        switch status.st_mode & S_IFMT {
        case S_IFREG: self = .file
        case S_IFDIR: self = .folder
        default: self = .other
        }
    }
}

/// Which file a name means, whatever the name.
package struct FileIdentity: Hashable {
    private let device: dev_t
    private let inode: ino_t

    /// nil when there is nothing.
    package init?(_ path: String) {
        var status = stat()
        guard fileStatus(path, &status) == 0 else { return nil }
        (device, inode) = (status.st_dev, status.st_ino)
    }

    package init?(descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        (device, inode) = (status.st_dev, status.st_ino)
    }
}

extension stat {
    /// The time of the last change of the content, in seconds since 1970.
    package var modified: Double { Self.seconds(st_mtim) }
    /// The time of the last change of anything, which nobody can set, in seconds since 1970.
    package var touched: Double { Self.seconds(st_ctim) }

    private static func seconds(_ time: timespec) -> Double { Double(time.tv_sec) + Double(time.tv_nsec) / 1e9 }
}
