import ArgumentParser
import Foundation

/// The program: parses the command line, runs the command it names, and turns what is thrown into one line on standard
/// error and an exit status.
@main
enum Cartoonize {
    static func main() {
        StandardStreams.open()
        keepHeapLevel()
        Interruption.install()
        exit(status(of: Array(CommandLine.arguments.dropFirst())).rawValue)
    }

    /// glibc serves buffers as large as pictures from its heaps once some were freed, one heap a thread, where they leave
    /// gaps: memory creeps up over a batch. So the limit from which they go to the system and back stays where it is at
    /// first, and heaps are few; a single one where each takes 64 MB of addresses that are limited.
    private static func keepHeapLevel() {
        // Only glibc has it, and its header is not in Swift's module.
        guard let function = dlsym(nil, "mallopt") else { return }
        let set = unsafeBitCast(function, to: (@convention(c) (Int32, Int32) -> Int32).self)
        let (mmapThreshold, arenaMaximum): (Int32, Int32) = (-3, -8)
        _ = set(mmapThreshold, 128 << 10)
        _ = set(arenaMaximum, AddressBudget.isLimited ? 1 : 2)
    }

    private static func status(of arguments: [String]) -> ExitStatus {
        let parser: any ParsableCommand.Type = Manual.describes(arguments) ? Manual.self : Commands.self
        do {
            var command = try parser.parseAsRoot(arguments)
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
            // A list of values comes as lines.
            let message = parser.message(for: error).replacingOccurrences(of: ":\n  - ", with: ": ")
                .replacingOccurrences(of: "\n  - ", with: ", ")
            Console.error(message + " (see 'cartoonize --help')")
            return .usage
        default:
            Console.error(parser.message(for: error))
            return .failure
        }
    }
}
