import ArgumentParser
import Foundation

/// The program: parses the command line, runs the command it names, and turns what is thrown into one line on standard
/// error and an exit status.
@main
enum Cartoonize {
    static func main() {
        Interruption.install()
        exit(status(of: Array(CommandLine.arguments.dropFirst())).rawValue)
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
