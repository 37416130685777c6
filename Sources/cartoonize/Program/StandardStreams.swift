import Files
import Foundation
import Synchronization

/// The three standard streams as plain descriptors: unbuffered, so a signal or a failure never loses or repeats output.
enum StandardStreams {
    private static let closedAtStart = Mutex<Set<Int32>>([])

    /// Opens those of the descriptors 0 to 2 that the parent process closed, so that no file of the program's own becomes
    /// one of them and takes what is printed. To be called before anything else is opened.
    ///
    /// What is printed to a closed stream goes nowhere; reading one or writing an image to one is an error.
    static func open() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            closedAtStart.withLock { _ = $0.insert(descriptor) }
            // The lowest free number is given out, which is this one. Without /dev/null, a folder holds the place.
            if Glibc.open("/dev/null", O_RDWR) < 0 { _ = Glibc.open("/", O_RDONLY | O_DIRECTORY) }
        }
    }

    /// Whether the parent process closed `descriptor`, one of the three.
    static func wasClosed(_ descriptor: Int32) -> Bool { closedAtStart.withLock { $0.contains(descriptor) } }

    /// Whether `descriptor` is a terminal.
    static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    /// Whether standard input is a file or a pipe, from which somebody may expect that it is read.
    static var inputWaits: Bool {
        var status = stat()
        guard !wasClosed(STDIN_FILENO), fstat(STDIN_FILENO, &status) == 0 else { return false }
        return [S_IFREG, S_IFIFO].contains(status.st_mode & S_IFMT)
    }

    /// Writes a path and a line end to standard output, on a terminal without what would control it.
    static func printPath(_ path: String) throws {
        guard !isTerminal(STDOUT_FILENO) else { return try printResult(singleLine(path)) }
        guard !wasClosed(STDOUT_FILENO) else { return }
        try writeResult(Data(SystemPath.bytes(path) + [UInt8(ascii: "\n")]))
    }

    /// Writes `text` and a line end to standard output.
    static func printResult(_ text: String) throws {
        guard !wasClosed(STDOUT_FILENO) else { return }
        try writeResult(Data((text + "\n").utf8))
    }

    /// Writes bytes to standard output. Throws `ClosedPipe` when the reader is gone, `CommandFailure` otherwise.
    static func writeResult(_ bytes: Data) throws {
        guard !wasClosed(STDOUT_FILENO) else {
            throw CommandFailure(.output, "cannot write to standard output: it is closed")
        }
        switch writeAll(bytes, to: STDOUT_FILENO) {
        case 0: return
        case EPIPE: throw ClosedPipe()
        case let code: throw CommandFailure(.output, "cannot write to standard output: \(systemMessage(code))")
        }
    }
}
