import Files
import Foundation

/// The three standard streams as plain descriptors: unbuffered, so a signal or a failure never loses or repeats output.
enum StandardStreams {
    /// Whether `descriptor` is a terminal.
    static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    /// Writes `text` and a line end to standard output.
    static func printResult(_ text: String) throws {
        try writeResult(Data((text + "\n").utf8))
    }

    /// Writes bytes to standard output. Throws `ClosedPipe` when the reader is gone, `CommandFailure` otherwise.
    static func writeResult(_ bytes: Data) throws {
        switch writeAll(bytes, to: STDOUT_FILENO) {
        case 0: return
        case EPIPE: throw ClosedPipe()
        case let code: throw CommandFailure(.output, "cannot write to standard output: \(systemMessage(code))")
        }
    }
}
