import Foundation

/// An error number of the system.
struct SystemFailure: Error {
    let code: Int32

    init(_ code: Int32) { self.code = code }

    var message: String { systemMessage(code) }
}

/// The system's words for an error number.
func systemMessage(_ code: Int32) -> String {
    String(cString: strerror(code))
}

/// Writes all of `bytes`, however many calls that takes. Returns 0 or the error number.
func writeAll(_ bytes: Data, to descriptor: Int32) -> Int32 {
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
