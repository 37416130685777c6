import Foundation
import Fuzzing

/// Runs a case's worker, again after each input that ended it, and keeps those inputs.
struct Watch {
    /// After so many there is something to repair first.
    private static let mostFindings = 20
    /// The memory limit holds for the whole process: freed memory is given back at once, so that it is about one input.
    private static let sanitizers = [
        "ASAN_OPTIONS": "hard_rss_limit_mb=512:max_allocation_size_mb=512:quarantine_size_mb=16:"
            + "allocator_release_to_os_interval_ms=0:detect_leaks=1",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    ]

    private let fuzzCase: FuzzCase
    private let mutator: Mutator
    private let folder: URL

    init(_ fuzzCase: FuzzCase, findings: URL) throws {
        self.fuzzCase = fuzzCase
        mutator = try Mutator(fuzzCase)
        folder = findings.appendingPathComponent(fuzzCase.name)
    }

    /// Returns the number of findings.
    func run(_ numbers: Range<Int>) throws -> Int {
        try? FileManager.default.removeItem(at: folder)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let progressFile = folder.appendingPathComponent("progress").path
        let progress = try Progress.create(file: progressFile)
        defer { try? FileManager.default.removeItem(atPath: progressFile) }
        let start = ContinuousClock.now
        var findings = 0
        var next = numbers.lowerBound
        while next < numbers.upperBound, findings < Self.mostFindings {
            let log = folder.appendingPathComponent("log")
            let reason = try work(next..<numbers.upperBound, progressFile: progressFile, log: log)
            next = progress.counters.current
            guard let reason else { break }
            findings += 1
            let number = min(next, numbers.upperBound - 1)
            try Data(mutator.input(number)).write(to: folder.appendingPathComponent("\(number)"))
            try FileManager.default.moveItem(at: log, to: folder.appendingPathComponent("\(number).log"))
            print("\(fuzzCase.name): input \(number): \(reason); \(folder.path)/\(number)")
            next += 1
        }
        let counters = progress.counters
        let seconds = Int(start.duration(to: .now) / .seconds(1))
        print(
            "\(fuzzCase.name): \(next - numbers.lowerBound) inputs, \(counters.taken) taken, \(findings) findings, "
                + "slowest \(counters.slowest) ms, peak \(counters.peak) MB, \(seconds) s")
        fflush(nil)
        return findings
    }

    /// Runs a worker to its end; returns why it ended early, or nil.
    ///
    /// By posix_spawn: Foundation's `Process` was seen to wait for ever for a child that a signal had ended.
    private func work(_ numbers: Range<Int>, progressFile: String, log: URL) throws -> String? {
        let arguments = [
            "fuzz", fuzzCase.name, "--first", "\(numbers.lowerBound)", "--inputs", "\(numbers.count)",
            "--progress-file",
            progressFile,
        ]
        let environment = ProcessInfo.processInfo.environment.merging(Self.sanitizers) { $1 }.map { "\($0)=\($1)" }
        var files = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&files)
        defer { posix_spawn_file_actions_destroy(&files) }
        posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log.path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO)
        let cArguments = arguments.map { strdup($0) } + [nil]
        let cEnvironment = environment.map { strdup($0) } + [nil]
        defer { (cArguments + cEnvironment).forEach { free($0) } }
        var child: pid_t = 0
        let failure = posix_spawn(&child, "/proc/self/exe", &files, nil, cArguments, cEnvironment)
        guard failure == 0 else { throw POSIXError(POSIXErrorCode(rawValue: failure) ?? .EIO) }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 && errno == EINTR {}
        let signal = status & 0x7F
        switch signal {
        case 0 where status == 0:
            try? FileManager.default.removeItem(at: log)
            return nil
        case 0: return "a sanitizer's report or an unexpected error (status \(status >> 8))"
        case SIGPROF, SIGALRM: return "it takes too long"
        default: return "signal \(signal)"
        }
    }
}
