import Foundation
import TestSupport
import Testing

@testable import cartoonize

/// `--memory`, what is predicted, and what is refused.
struct MemoryTests {
    private func folderWithPhoto() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.write("photo.png", SamplePicture.png(width: 64, height: 64))
        return folder
    }

    @Test func refusesWhatDoesNotFit() throws {
        let folder = try folderWithPhoto()
        let outcome = try Program.runShell(
            "ulimit -v 3000000; $program photo.png --size 4096x4096 --json", in: folder)
        #expect(outcome.status == 7)
        #expect(outcome.errors.contains("error: not enough memory: 4096x4096 takes about "))
        #expect(outcome.errors.contains(" can be had; give --size "))
        #expect(outcome.outputText.contains(#""exit_code":7"#))
        #expect(folder.contents == ["photo.png"])
        // The size advised does fit.
        let size = try #require(outcome.errors.firstMatch(of: /give --size ([0-9x]+)/)?.1)
        let smaller = try Program.runShell(
            "ulimit -v 3000000; $program photo.png --size \(size) --dry-run", in: folder)
        #expect(smaller.status == 0)
    }

    /// Whatever `ulimit -v` leaves: a picture, or a sentence.
    @Test(arguments: [140_000, 170_000, 200_000, 230_000, 260_000, 300_000, 400_000, 800_000])
    func anyLimitOnVirtualMemoryEndsInAnImageOrAdvice(kilobytes: Int) throws {
        let folder = try folderWithPhoto()
        let outcome = try Program.runShell(
            "ulimit -v \(kilobytes); $program photo.png --size 256x256 -o out.png --threads 3", in: folder)
        if outcome.status == 0 {
            #expect(try folder.picture("out.png").width == 256)
        } else {
            #expect(outcome.status == 7)
            #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
            #expect(outcome.errors.contains("error: not enough memory: "), "\(outcome.errors)")
            #expect(folder.contents == ["photo.png"])
        }
        #expect(kilobytes < 400_000 || outcome.status == 0, "\(outcome.errors)")
    }

    @Test func aBatchRunsWhereVirtualMemoryIsShort() throws {
        let folder = try folderWithPhoto()
        for i in 1...3 { try folder.write("photos/\(i).png", SamplePicture.png(width: 100 * i, height: 80)) }
        let outcome = try Program.runShell("ulimit -v 400000; $program photos -o toons -q", in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        for i in 1...3 { #expect(try folder.picture("toons/\(i).cartoon.png").width == 100 * i) }
    }

    /// At its highest, decoding holds an image of 64 channels and two of 32; results are written over what nobody needs.
    @Test func decodingReusesMemory() throws {
        let outcome = try Program.run(
            ["photo.png", "--size", "1024x1024", "--dry-run", "--json", "-q"], in: folderWithPhoto())
        let text = try #require(outcome.outputText.firstMatch(of: /"peak_rss_bytes":(\d+)/)?.1)
        let images = 4 * 1024 * 1024 * (64 + 32 + 32)
        #expect(try #require(Int(text)) < images + images * 3 / 10)
    }

    @Test func byteCountsHaveThreeDigits() {
        let texts = [0, 999, 1000, 16_400, 999_499, 999_600, 29_240_000, 831_000_000, 2_067_000_000, 35_500_000_000]
            .map(byteCountText)
        #expect(
            texts == [
                "0 B", "999 B", "1 kB", "16 kB", "999 kB", "1.00 MB", "29.2 MB", "831 MB", "2.07 GB", "35.5 GB",
            ])
    }

    @Test func aBatchGoesOnAfterARefusal() throws {
        let folder = try folderWithPhoto()
        try folder.write("large.png", SamplePicture.png(width: 2400, height: 2400))
        let outcome = try Program.runShell(
            "ulimit -v 2000000; $program photo.png large.png -o toons --max-pixels 9000000 -q", in: folder)
        #expect(outcome.status == 6)
        #expect(outcome.errors.contains("not enough memory: 2400x2400"))
        let manifest = String(decoding: try folder.data("toons/cartoonize.jsonl"), as: UTF8.self)
        #expect(manifest.contains(#""exit_code":7"#))
        #expect(try folder.picture("toons/photo.cartoon.png").width == 64)
    }

    /// The pages given back are read again: same bytes, less memory.
    @Test func lowMemoryMakesTheSamePicture() throws {
        let folder = try folderWithPhoto()
        var peaks: [Double] = []
        for memory in ["low", "auto", "fast"] {
            let outcome = try Program.run(
                [
                    "photo.png", "-o", "\(memory).png", "--seed", "3", "--steps", "2", "--memory", memory, "--json",
                    "-q",
                ],
                in: folder)
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(try differences(folder.data("\(memory).png"), folder.data("low.png")) == nil)
            let peak = try #require(outcome.outputText.firstMatch(of: /"peak_rss_bytes":([0-9]+)/)?.1)
            peaks.append(Double(peak) ?? 0)
        }
        #expect(peaks[0] < peaks[1] - 2e6, "\(peaks)")
    }

    /// What is predicted before a run is what the system says after it.
    @Test(arguments: ["192x192", "512x384"]) func peakMemoryIsPredicted(size: String) throws {
        struct Report: Decodable {
            var peak_rss_bytes: Int
            var seconds: Double?
        }
        let folder = try folderWithPhoto()
        let arguments = ["photo.png", "--size", size, "--json", "--seed", "1"]
        let predicted = try JSONDecoder().decode(
            Report.self, from: Program.run(arguments + ["--dry-run"], in: folder).output)
        let measured = try JSONDecoder().decode(Report.self, from: Program.run(arguments, in: folder).output)
        let ratio = Double(predicted.peak_rss_bytes) / Double(measured.peak_rss_bytes)
        #expect((0.8...1.2).contains(ratio), "\(predicted.peak_rss_bytes) for \(measured.peak_rss_bytes)")
        #expect(try #require(predicted.seconds) > 0)
    }

    @Test func dryRunAndFirstLinePrintTimeAndMemory() throws {
        let folder = try folderWithPhoto()
        let run = try Program.run(["photo.png", "--size", "64x64"], in: folder)
        #expect(run.errors.firstMatch(of: /photo.png: about [0-9.]+ s and [0-9.]+ MB\n/) != nil, "\(run.errors)")
        let dry = try Program.run(["photo.png", "--size", "64x64", "--dry-run", "-f"], in: folder)
        #expect(dry.errors.firstMatch(of: /1 image: about [0-9.]+ s and [0-9.]+ MB\n/) != nil, "\(dry.errors)")
    }

    // Limits of control groups, laid out as the kernel does

    private func available(_ files: [String: String]) throws -> Int? {
        let folder = try TemporaryFolder()
        for (path, text) in files {
            let url = folder.url.appendingPathComponent(path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: url)
        }
        return AvailableMemory(root: folder.path).bytes
    }

    private let system = ["proc/meminfo": "MemTotal: 16000000 kB\nMemAvailable:    8000000 kB\n"]

    @Test func systemMemoryIsRead() throws {
        #expect(try available(system) == 8_000_000 << 10)
        #expect(try available([:]) == nil)
    }

    @Test func controlGroupsOfVersion2AreRead() throws {
        // The limit is on the group above; 300 MB are taken, 100 MB of that by the cache of files.
        let group = [
            "proc/self/cgroup": "0::/user.slice/job\n", "sys/fs/cgroup/user.slice/memory.max": "1000000000\n",
            "sys/fs/cgroup/user.slice/memory.current": "300000000\n",
            "sys/fs/cgroup/user.slice/memory.stat": "anon 200000000\nfile 100000000\n",
            "sys/fs/cgroup/user.slice/job/memory.max": "max\n", "sys/fs/cgroup/user.slice/job/memory.current": "5\n",
        ]
        #expect(try available(system.merging(group) { $1 }) == 800_000_000)
    }

    @Test func whatIsNotThereIsRefused() throws {
        let folder = try TemporaryFolder()
        try folder.write("proc/meminfo", Data("MemAvailable: 1000 kB\n".utf8))
        let memory = AvailableMemory(root: folder.path)
        try memory.require(1_024_000, for: "reading")
        let failure = thrownError(CommandFailure.self) { try memory.require(1_024_001, for: "reading") }
        #expect(failure?.status == .memory)
        #expect(failure?.message == "not enough memory: reading takes about 1.02 MB, and 1.02 MB can be had")
    }

    /// A photo far larger than the size worked at: what is written is nearly all that it takes, and never more than was
    /// printed.
    @Test func largePhotosAreNotUnderestimated() throws {
        struct Report: Decodable { var peak_rss_bytes: Int }
        let folder = try TemporaryFolder()
        try folder.write("photo.png", SamplePicture.png(width: 5000, height: 4000))
        let arguments = ["photo.png", "--max-pixels", "4096", "--steps", "1", "--json", "-q", "--seed", "1"]
        let predicted = try JSONDecoder().decode(
            Report.self, from: Program.run(arguments + ["--dry-run"], in: folder).output)
        let measured = try JSONDecoder().decode(Report.self, from: Program.run(arguments, in: folder).output)
        #expect(predicted.peak_rss_bytes * 100 >= measured.peak_rss_bytes * 99)
        #expect(predicted.peak_rss_bytes < measured.peak_rss_bytes * 5 / 4)
    }

    @Test func controlGroupsOfVersion1AreRead() throws {
        let folder = "sys/fs/cgroup/memory"
        let group = [
            "proc/self/cgroup": "5:cpu:/\n4:memory:/docker/abc\n0::/\n",
            // As in a container: the group's own name is not to be seen.
            "\(folder)/memory.limit_in_bytes": "500000000\n", "\(folder)/memory.usage_in_bytes": "120000000\n",
            "\(folder)/memory.stat": "cache 1\ntotal_cache 20000000\n",
        ]
        #expect(try available(system.merging(group) { $1 }) == 400_000_000)
        let unlimited = group.merging(["\(folder)/memory.limit_in_bytes": "9223372036854771712\n"]) { $1 }
        #expect(try available(system.merging(unlimited) { $1 }) == 8_000_000 << 10)
    }
}
