import Foundation

// A signal handler may only touch plain memory and call `write` and `_exit`, hence these two file-level variables.
private nonisolated(unsafe) var wakeDescriptor: Int32 = -1
private nonisolated(unsafe) var signalsReceived: Int32 = 0

/// A page of a mapped file is no longer there: somebody cut the file short. The thread cannot go on; the one that waits on
/// the pipe says so and ends the program.
private func noteLostPage(_ number: Int32) {
    var byte = UInt8(truncatingIfNeeded: number)
    guard wakeDescriptor >= 0, write(wakeDescriptor, &byte, 1) == 1 else { _exit(ExitStatus.model.rawValue) }
    while true { pause() }
}

private func noteSignal(_ number: Int32) {
    let savedError = errno
    signalsReceived += 1
    if signalsReceived > 1 { _exit(128 + number) }
    var byte = UInt8(truncatingIfNeeded: number)
    _ = write(wakeDescriptor, &byte, 1)
    errno = savedError
}

/// What SIGINT, SIGTERM, a closed pipe and a weight file that shrinks do.
enum Interruption {
    /// From here on SIGINT and SIGTERM remove the temporary files and end the program with 130 or 143, and a second
    /// one ends it at once; a closed pipe and a file size limit are errors of `write` instead of a death.
    ///
    /// The handler only wakes a thread that waits on a pipe: taking locks and removing files is not allowed inside one.
    static func install() {
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let wakeSource = ends[0]
        wakeDescriptor = ends[1]
        Thread.detachNewThread {
            var number: UInt8 = 0
            while read(wakeSource, &number, 1) != 1 {}
            Console.clearBar()
            if Int32(number) == SIGBUS {
                Console.line(
                    "error: a file was cut short or removed from its disk while it was in use (the model's weights, most "
                        + "likely); nothing half-made is kept")
            }
            TemporaryFolders.removeAll()
            let status = Int32(number) == SIGBUS ? ExitStatus.model.rawValue : 128 + Int32(number)
            TemporaryFile.removeAllAndExit(status)
        }
        for number in [SIGINT, SIGTERM] {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = noteSignal
            action.sa_flags = SA_RESTART
            sigaction(number, &action, nil)
        }
        var lostPage = sigaction()
        lostPage.__sigaction_handler.sa_handler = noteLostPage
        sigaction(SIGBUS, &lostPage, nil)
        unblock([SIGINT, SIGTERM])
    }

    /// A program inherits blocked signals, and the thread pool of a parent program is likely to block them.
    private static func unblock(_ numbers: [Int32]) {
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in numbers { sigaddset(&signals, number) }
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }
}
