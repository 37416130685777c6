import Foundation

/// The control groups around this process, of either version, as the kernel shows their limits.
package struct ControlGroups {
    /// A folder of the system that describes a group.
    package enum Folder: Equatable {
        case version1(String)
        case version2(String)
    }

    /// Where the system's own files are; elsewhere in tests.
    private let root: String

    package init(root: String = "") { self.root = root }

    /// The folders of the groups that limit `controller` ("cpu", "memory") for this process: of each group that it is in
    /// and of all those around it, as inside a container only the outermost may be visible. A folder may not exist.
    package func folders(of controller: String) -> [Folder] {
        let lines = (text("/proc/self/cgroup") ?? "").split(separator: "\n").map {
            $0.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        }
        return lines.filter { $0.count == 3 }.flatMap { line -> [Folder] in
            if line[1].isEmpty {
                // Beside version 1's groups, version 2's are mounted a level deeper.
                return ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].flatMap { folders(under: $0, line[2]) }
                    .map(Folder.version2)
            }
            guard line[1].split(separator: ",").contains(controller[...]) else { return [] }
            return folders(under: "/sys/fs/cgroup/" + controller, line[2]).map(Folder.version1)
        }
    }

    /// The text of one of the system's files; nil where there is none.
    package func text(_ path: String) -> String? { try? String(contentsOfFile: root + path, encoding: .utf8) }

    /// The number that is alone in a file; nil where there is none ("max").
    package func number(_ path: String) -> Int? {
        text(path).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }

    private func folders(under mount: String, _ path: String) -> [String] {
        let parts = path.split(separator: "/").map(String.init)
        return (0...parts.count).map { ([mount] + parts.prefix($0)).joined(separator: "/") }
    }
}
