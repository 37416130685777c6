import Foundation
import Fuzzing

/// What a worker reports to its watch while it runs, in a file that both map: it survives the worker's death.
struct Progress {
    /// The input being read, how many were taken, the slowest one's time in milliseconds and the peak memory in MB.
    struct Counters {
        var current = 0
        var taken = 0
        var slowest = 0
        var peak = 0
    }

    private let memory: UnsafeMutablePointer<Counters>
    var counters: Counters {
        get { memory.pointee }
        nonmutating set { memory.pointee = newValue }
    }

    /// Maps a file of the right size.
    init(file: String) throws {
        let descriptor = open(file, O_RDWR)
        defer { close(descriptor) }
        let mapped = mmap(nil, MemoryLayout<Counters>.size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        guard descriptor >= 0, let mapped, mapped != MAP_FAILED else { throw CocoaError(.fileReadUnknown) }
        memory = mapped.bindMemory(to: Counters.self, capacity: 1)
    }

    static func create(file: String) throws -> Progress {
        try Data(count: MemoryLayout<Counters>.size).write(to: URL(fileURLWithPath: file))
        return try Progress(file: file)
    }
}

/// Reads a case's inputs one after the other, until one of them ends the process.
struct Worker {
    /// What an input may take: seconds of the processor, and by the clock on a busy machine.
    private static let timeLimit = (processor: 5, clock: 60)

    private let fuzzCase: FuzzCase
    private let mutator: Mutator
    private let progress: Progress

    init(_ fuzzCase: FuzzCase, progressFile: String) throws {
        self.fuzzCase = fuzzCase
        mutator = try Mutator(fuzzCase)
        progress = try Progress(file: progressFile)
    }

    func run(_ numbers: Range<Int>) throws {
        // In memory: a disk would make each small file wait.
        let memory = URL(fileURLWithPath: "/dev/shm")
        let folder =
            FileManager.default.isWritableFile(atPath: memory.path) ? memory : FileManager.default.temporaryDirectory
        let scratch = folder.appendingPathComponent("fuzz-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: scratch) }
        for number in numbers {
            progress.counters.current = number
            let input = mutator.input(number)
            let start = ContinuousClock.now
            Self.limitTime()
            let taken = try fuzzCase.takes(input, scratch: scratch)
            let time = start.duration(to: .now) / .milliseconds(1)
            progress.counters.taken += taken ? 1 : 0
            progress.counters.slowest = max(progress.counters.slowest, Int(time))
            if number % 256 == 0 { measureMemory() }
        }
        measureMemory()
        progress.counters.current = numbers.upperBound
    }

    /// Signals that nobody handles end the process.
    private static func limitTime() {
        var timer = itimerval(
            it_interval: timeval(tv_sec: 0, tv_usec: 0), it_value: timeval(tv_sec: timeLimit.processor, tv_usec: 0))
        setitimer(.init(ITIMER_PROF.rawValue), &timer, nil)
        alarm(UInt32(timeLimit.clock))
    }

    private func measureMemory() {
        var usage = rusage()
        getrusage(.init(RUSAGE_SELF.rawValue), &usage)
        progress.counters.peak = max(progress.counters.peak, usage.ru_maxrss / 1024)
    }
}
