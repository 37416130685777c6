import Foundation

/// Makes a folder and those above it, unless they exist.
package func makeFolder(_ path: String) throws(SystemError) {
    if FileKind(path) == .folder { return }
    let parent = FilePath(path).withoutLastSlash.folder
    if parent != path { try makeFolder(parent) }
    guard mkdir(path, 0o777) == 0 || FileKind(path) == .folder else { throw SystemError() }
}

/// Makes a folder's list of names durable. Some file systems refuse to sync a folder; the files are whole all the same.
package func syncFolder(_ path: String) {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
}

/// The bytes that can still be written into a folder; nil where the system does not say.
package func freeBytes(in folder: String) -> Int? {
    var space = statvfs()
    guard SystemPath.with(folder, { statvfs($0, &space) }) == 0 else { return nil }
    let (free, overflow) = Int(clamping: space.f_bavail).multipliedReportingOverflow(by: Int(clamping: space.f_frsize))
    return overflow ? .max : free
}
