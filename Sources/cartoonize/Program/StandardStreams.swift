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

    /// Writes all of `bytes`, however many calls that takes. Returns 0 or the error number.
    static func writeAll(_ bytes: Data, to descriptor: Int32) -> Int32 {
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let written = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if written >= 0 {
                    rest = rest.dropFirst(written)
                } else if errno == EAGAIN {
                    // A descriptor that another program made non-blocking: wait until it takes more.
                    var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = poll(&waiting, 1, -1)
                } else if errno != EINTR {
                    return errno
                }
            }
            return 0
        }
    }
}

/// The system's words for an error number.
func systemMessage(_ code: Int32) -> String {
    String(cString: strerror(code))
}

/// `text` as it may appear within one line on a terminal: control characters are escaped.
func singleLine(_ text: String) -> String {
    var line = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\n": line += "\\n"
        case "\r": line += "\\r"
        case "\t": line += "\\t"
        default:
            if scalar.properties.generalCategory == .control {
                line += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                line.unicodeScalars.append(scalar)
            }
        }
    }
    return line
}
