import Foundation
import Testing

import TensorKernels

@Suite struct AvailableProcessorsTests {
    /// The number of processors, with a mask of eight, where the system's files are these.
    private func count(_ files: [String: String]) throws -> Int {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("system-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: root) }
        for (path, text) in files {
            let file = root.appendingPathComponent(path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        return AvailableProcessors(root: root.path, affinity: 8).count
    }

    @Test(arguments: [
        ("max 100000\n", 8), ("100000 100000\n", 1), ("150000 100000\n", 2), ("1000 100000\n", 1),
        ("6400000 100000\n", 8), ("", 8), ("max", 8), ("0 0\n", 8), ("-1 100000\n", 8), ("x y\n", 8),
        ("99999999999999999999 1\n", 8), ("9223372036854775807 1\n", 8),
    ])
    func quotaOfVersion2IsRoundedUp(text: String, expected: Int) throws {
        let group = ["proc/self/cgroup": "0::/user.slice/session\n"]
        #expect(try count(group.merging(["sys/fs/cgroup/user.slice/session/cpu.max": text]) { $1 }) == expected)
        // Of a group around it.
        #expect(try count(group.merging(["sys/fs/cgroup/user.slice/cpu.max": text]) { $1 }) == expected)
        // Within a container, where the path is that outside.
        #expect(try count(["proc/self/cgroup": "0::/../../x\n", "sys/fs/cgroup/cpu.max": text]) == expected)
        // Beside version 1.
        #expect(
            try count(["proc/self/cgroup": "1:name=x:/\n0::/\n", "sys/fs/cgroup/unified/cpu.max": text]) == expected)
    }

    @Test(arguments: [("-1", "100000", 8), ("200000", "100000", 2), ("210000", "100000", 3), ("50000", "100000", 1)])
    func quotaOfVersion1IsRoundedUp(quota: String, period: String, expected: Int) throws {
        let groups = "4:memory:/m\n3:cpu,cpuacct:/a/b\n0::/\n"
        for folder in ["a/b/", "a/", ""] {
            let prefix = "sys/fs/cgroup/cpu/\(folder)cpu.cfs_"
            let files = [
                "proc/self/cgroup": groups, prefix + "quota_us": quota + "\n", prefix + "period_us": period + "\n",
            ]
            #expect(try count(files) == expected)
        }
    }

    @Test func theLeastLimitDecides() throws {
        #expect(
            try count([
                "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "300000 100000",
                "sys/fs/cgroup/a/b/cpu.max": "500000 100000",
            ]) == 3)
        #expect(try count([:]) == 8)
        #expect(AvailableProcessors(root: "/nowhere", affinity: 0).count == 1)
    }
}
