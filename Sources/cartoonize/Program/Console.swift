import Files
import Foundation
import Synchronization

/// Everything that goes to standard error: one-line messages, and a bar that is redrawn in place.
///
/// A lock keeps the lines whole when a signal ends the program in the middle of a bar.
enum Console {
    private static let barIsShown = Mutex(false)

    /// Writes one line, below the bar when there is one.
    static func line(_ text: String) {
        barIsShown.withLock { shown in
            emit((shown ? "\r\u{1B}[K" : "") + "cartoonize: " + shortened(singleLine(shortened(text))) + "\n")
            shown = false
        }
    }

    /// Writes a text of several lines as it is.
    static func paragraphs(_ text: String) { emit(text + "\n") }

    static func error(_ text: String) { line("error: " + text) }

    /// Redraws the bar. The caller sees to it that `text` fits the terminal's width.
    static func bar(_ text: String) {
        barIsShown.withLock { shown in
            emit("\r" + text + "\u{1B}[K")
            shown = true
        }
    }

    /// Calls `print` to print on standard output, where there was a bar if that is the same terminal.
    static func result(_ print: () throws -> Void) throws {
        try barIsShown.withLock { shown in
            if shown { emit("\r\u{1B}[K") }
            shown = false
            try print()
        }
    }

    /// Takes the bar away, so that what follows starts on a clean line.
    static func clearBar() {
        barIsShown.withLock { shown in
            if shown { emit("\r\u{1B}[K") }
            shown = false
        }
    }

    /// Standard error may be closed or full; that must not end the work.
    private static func emit(_ text: String) {
        _ = writeAll(Data(text.utf8), to: STDERR_FILENO)
    }
}
