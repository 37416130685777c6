import Files
import Foundation
import ImageCodecs

// A signal handler may only touch plain memory and call `write` and `_exit`, hence these two file-level variables.
private nonisolated(unsafe) var wakeDescriptor: Int32 = -1
private nonisolated(unsafe) var signalsReceived: Int32 = 0

private let lostPageSentence =
    "error: a file was cut short or removed from its disk while it was in use (the model's weights, most likely); "
    + "nothing half-made is kept"

/// A page of a mapped file is no longer there: somebody cut the file short. The thread cannot go on; the one that
/// waits on the pipe says so and ends the program. Without one the program ends here, and says nothing.
private func noteLostPage(_ number: Int32) {
    var byte = UInt8(truncatingIfNeeded: number)
    guard wakeDescriptor >= 0, write(wakeDescriptor, &byte, 1) == 1 else { _exit(ExitStatus.model.rawValue) }
    while true { pause() }
}

private func noteSignal(_ number: Int32) {
    let savedError = errno
    signalsReceived += 1
    if signalsReceived > 1 || wakeDescriptor < 0 { _exit(128 + number) }
    var byte = UInt8(truncatingIfNeeded: number)
    _ = write(wakeDescriptor, &byte, 1)
    errno = savedError
}

/// What SIGINT, SIGTERM, SIGHUP, a closed pipe and a file of weights that is cut short do.
enum TerminationSignals {
    /// From here on SIGINT, SIGTERM and SIGHUP end the program with 130, 143 or 129; a closed pipe and a file size limit are
    /// errors of `write` instead of a death. What the parent process ignores (`nohup`, a script's job in the background)
    /// stays ignored.
    static func install() {
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        let handled = [SIGINT, SIGTERM, SIGHUP].filter { !isIgnored($0) }
        for number in handled {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = noteSignal
            action.sa_flags = SA_RESTART
            sigaction(number, &action, nil)
        }
        var lostPage = sigaction()
        lostPage.__sigaction_handler.sa_handler = noteLostPage
        sigaction(SIGBUS, &lostPage, nil)
        unblock(handled)
    }

    /// From here on such a signal also removes the temporary files, and a second one ends the program at once.
    ///
    /// The handler only wakes a thread that waits on a pipe: taking locks and removing files is not allowed inside one. The
    /// thread has the rights that the program has now.
    ///
    /// - Parameter ending: for work that only a signal ends: says so, and gives the status of SIGINT and SIGTERM.
    static func startCleaning(ending: (@Sendable () -> Int32)? = nil) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let wakeSource = ends[0]
        wakeDescriptor = ends[1]
        let waiting = StartedThread {
            var number: UInt8 = 0
            while read(wakeSource, &number, 1) != 1 {}
            Console.clearBar()
            guard Int32(number) == SIGBUS else {
                let isEnd = [SIGINT, SIGTERM].contains(Int32(number))
                TemporaryPaths.removeAllAndExit((isEnd ? ending?() : nil) ?? 128 + Int32(number))
            }
            Console.line(lostPageSentence)
            TemporaryPaths.removeAllAndExit(ExitStatus.model.rawValue)
        }
        // Without a thread signals end the program at once, and the next run removes what is left.
        if let waiting { waiting.detach() } else { wakeDescriptor = -1 }
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return false }
        // C functions cannot be compared.
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1  // SIG_IGN
    }

    /// A program inherits blocked signals, and the thread pool of a parent program is likely to block them.
    private static func unblock(_ numbers: [Int32]) {
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in numbers { sigaddset(&signals, number) }
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }
}
