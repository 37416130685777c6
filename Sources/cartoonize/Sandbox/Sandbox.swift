import CSandbox
import Files
import Foundation

/// What the program gives up before it reads what strangers made: decoders of images have had faults that let a file
/// run code of its own, and such code shall find nothing to read, write, run or send.
///
/// Landlock holds for the calling thread and those that it starts, so it is entered before there are others.
struct Sandbox {
    /// Files and folders that are read; nil for all.
    var reading: [String]?
    /// Files and folders with all below them that are written.
    var writing: [String]
    /// Whether an address was given.
    var allowsNetwork = false

    /// How far the system goes along.
    struct Strength: CustomStringConvertible {
        /// Of Landlock; 0 for none.
        let landlock: Int
        let seccomp: Bool

        var description: String {
            switch (landlock, seccomp) {
            case (0, false): "none, the system has neither Landlock nor seccomp"
            case (0, true): "seccomp; the system has no Landlock"
            case (let version, let seccomp): "Landlock \(version)\(seccomp ? " and seccomp" : "; no seccomp")"
            }
        }
    }

    /// Gives up what is not listed. What an earlier call gave up stays so.
    ///
    /// - Throws: a `CommandFailure` if the system could but did not: without what was promised no file is read.
    func enter() throws -> Strength {
        let read = reading.map { $0 + Self.systemFiles + (allowsNetwork ? Self.networkFiles : []) } ?? []
        let paths = read.map { ($0, CSANDBOX_READ) } + (writing + ["/dev/null"]).map { ($0, CSANDBOX_WRITE) }
        let names = paths.map { SystemPath.with($0.0) { strdup($0) } }
        defer { names.forEach { free($0) } }
        let rules = zip(names, paths).map { csandbox_rule(path: $0, access: Int32($1.1.rawValue)) }
        let landlock = csandbox_restrict_files(rules, rules.count, reading != nil, allowsNetwork)
        guard landlock >= 0 else { throw Self.failure() }
        let seccomp = csandbox_restrict_calls(allowsNetwork)
        guard seccomp >= 0 else { throw Self.failure() }
        return Strength(landlock: Int(landlock), seccomp: seccomp == 1)
    }

    private static func failure() -> CommandFailure {
        CommandFailure(.failure, "cannot enter the sandbox: \(systemMessage(errno)); --no-sandbox goes without")
    }

    /// Libraries that are opened when they are needed, and what the system reports about itself.
    private static var systemFiles: [String] {
        let libraries = (ProcessInfo.processInfo.environment["LD_LIBRARY_PATH"] ?? "").split(separator: ":").map(
            String.init)
        return libraries + mappedFolders + [
            "/usr", "/lib", "/lib64", "/proc", "/sys/fs/cgroup", "/sys/devices/system", "/dev/null", "/dev/zero",
            "/dev/urandom", "/dev/random", "/etc/ld.so.cache", "/etc/localtime", "/etc/passwd", "/etc/nsswitch.conf",
            "/etc/ssl", "/etc/alternatives",
        ]
    }

    /// The folders of the libraries that the program was started with: others lie beside them.
    private static var mappedFolders: [String] {
        guard let maps = try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8) else { return [] }
        let paths = maps.split(separator: "\n").compactMap { line in
            line.firstIndex(of: "/").map { String(line[$0...]) }
        }
        return Array(Set(paths.filter { $0.contains(".so") }.map { FilePath($0).folder }))
    }

    /// What finding hosts and trusting them takes.
    private static var networkFiles: [String] {
        let environment = ProcessInfo.processInfo.environment
        let chosen = ["SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE"].compactMap { environment[$0] }
        return chosen + ["/etc", "/run/systemd/resolve", "/run/resolvconf", "/run/nscd", "/var/lib/ca-certificates"]
    }
}
