import Foundation

/// An error number of the system.
package struct SystemError: Error, CustomStringConvertible {
    package let code: Int32

    /// - Parameter code: that of the call that has just failed, if left out.
    package init(_ code: Int32 = errno) { self.code = code }

    /// The system's words for it.
    package var description: String { systemMessage(code) }
}

/// The system's words for an error number.
package func systemMessage(_ code: Int32 = errno) -> String { String(cString: strerror(code)) }
