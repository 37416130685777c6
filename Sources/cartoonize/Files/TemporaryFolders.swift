import Foundation
import Synchronization

/// Folders that a library fills under a temporary name and that must not outlive the program.
enum TemporaryFolders {
    private static let existing = Mutex<Set<String>>([])

    static func note(_ folder: URL) {
        existing.withLock { _ = $0.insert(folder.path) }
    }

    /// Removes them while the program ends; a file that is being created meanwhile is met by a second try.
    static func removeAll() {
        for path in existing.withLock({ $0 }) {
            for _ in 0..<3 where FileManager.default.fileExists(atPath: path) {
                try? FileManager.default.removeItem(atPath: path)
            }
        }
    }
}
