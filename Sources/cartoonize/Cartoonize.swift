import ArgumentParser
import Files
import Foundation

/// The program: parses the command line, runs the command it names, and turns what is thrown into one line on standard
/// error and an exit status.
@main
enum Cartoonize {
    static func main() {
        StandardStreams.open()
        keepHeapLevel()
        TerminationSignals.install()
        guard CommandLine.argc > 0 else {
            Console.error("cannot read the command line; is /proc mounted?")
            exit(ExitStatus.failure.rawValue)
        }
        exit(status(of: arguments).rawValue)
    }

    /// The command line's words. Names of files need not be Unicode, which `CommandLine.arguments` takes them for.
    private static var arguments: [String] {
        (1..<max(1, Int(CommandLine.argc))).compactMap { index in
            CommandLine.unsafeArgv[index].map { word in
                SystemPath.string(UnsafeRawBufferPointer(start: word, count: strlen(word)))
            }
        }
    }

    /// glibc serves buffers as large as images from its heaps once some were freed, one heap per thread, where they leave
    /// gaps: memory creeps up over a batch. So the limit from which they go to the system and back stays where it is at
    /// first, and heaps are few; a single one where each takes 64 MB of virtual memory that is limited.
    private static func keepHeapLevel() {
        // Only glibc has it, and its header is not in Swift's module.
        guard let function = dlsym(nil, "mallopt") else { return }
        let set = unsafeBitCast(function, to: (@convention(c) (Int32, Int32) -> Int32).self)
        let (mmapThreshold, arenaMaximum): (Int32, Int32) = (-3, -8)
        _ = set(mmapThreshold, 128 << 10)
        _ = set(arenaMaximum, VirtualMemoryBudget.isLimited ? 1 : 2)
    }

    private static func status(of arguments: [String]) -> ExitStatus {
        if arguments.isEmpty, StandardStreams.isTerminal(STDIN_FILENO), StandardStreams.isTerminal(STDERR_FILENO) {
            Console.paragraphs(CartoonizeImage.introduction)
            return .usage
        }
        let parser: any ParsableCommand.Type = Manual.describes(arguments) ? Manual.self : Commands.self
        do {
            let translated = try ForeignOptions.translate(arguments)
            var command = try parser.parseAsRoot(translated.arguments)
            translated.notes.forEach { Console.line("note: " + $0) }
            try command.run()
            return .success
        } catch is ClosedPipe {
            return .success
        } catch let failure as CommandFailure {
            Console.error(failure.message)
            return failure.status
        } catch {
            return status(ofParsing: error, by: parser)
        }
    }

    /// Handles what the argument parser throws: mistakes, but also requests for help and the like.
    private static func status(ofParsing error: any Error, by parser: any ParsableCommand.Type) -> ExitStatus {
        switch parser.exitCode(for: error) {
        case .success:
            // Nothing more can be done when standard output takes no help text.
            try? StandardStreams.printResult(parser.fullMessage(for: error))
            return .success
        case .validationFailure:
            Console.error(sentence(parser.message(for: error)) + " (see 'cartoonize --help')")
            return .usage
        default:
            Console.error(parser.message(for: error))
            return .failure
        }
    }

    /// A message of the argument parser as one line: its lists of values and alternatives come as lines, and what it takes
    /// for a misspelling may be a quite different word.
    private static func sentence(_ message: String) -> String {
        var message = message.replacingOccurrences(of: ":\n  - ", with: ": ").replacingOccurrences(
            of: "\n  - ", with: ", ")
        if let alternative = message.range(of: "\n   or: ") { message = String(message[..<alternative.lowerBound]) }
        if let guess = message.firstMatch(of: /(?s)Unknown option '-*([^']*)'\. Did you mean '-*([^']*)'\?/),
            !isMisspelling(String(guess.1), of: String(guess.2))
        {
            message = message.replacingOccurrences(of: " Did you mean '--\(guess.2)'?", with: "")
        }
        return message
    }
}
