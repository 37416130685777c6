import ArgumentParser
import Foundation

/// The program: parses the command line, runs the command it names, and turns what is thrown into one line on standard
/// error and an exit status.
@main
struct Cartoonize: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cartoonize",
        abstract: "Turn a photo into a cartoon, or into what an instruction says.",
        version: "cartoonize \(cartoonizeVersion)",
        subcommands: [CartoonizeImage.self, InspectCommand.self, ModelsCommand.self],
        defaultSubcommand: CartoonizeImage.self)

    static func main() {
        Interruption.install()
        Foundation.exit(status(of: Array(CommandLine.arguments.dropFirst())).rawValue)
    }

    private static func status(of arguments: [String]) -> ExitStatus {
        do {
            // Alone, these mean the whole program; its help is that of the command which needs no name.
            if [["--help"], ["-h"], ["help"]].contains(arguments) {
                try StandardStreams.printResult(overview())
                return .success
            }
            var command = try parseAsRoot(arguments)
            try command.run()
            return .success
        } catch is ClosedPipe {
            return .success
        } catch let failure as CommandFailure {
            Console.error(failure.message)
            return failure.status
        } catch {
            return status(ofParsing: error)
        }
    }

    /// Handles what the argument parser throws: mistakes, but also requests for help and the like.
    private static func status(ofParsing error: any Error) -> ExitStatus {
        switch exitCode(for: error) {
        case .success:
            // Nothing more can be done when standard output takes no help text.
            try? StandardStreams.printResult(fullMessage(for: error))
            return .success
        case .validationFailure:
            Console.error(message(for: error) + " (see 'cartoonize --help')")
            return .usage
        default:
            Console.error(message(for: error))
            return .failure
        }
    }

    private static func overview() -> String {
        let width = configuration.subcommands.map { name(of: $0).count }.max() ?? 0
        let commands = configuration.subcommands
            .filter { $0 != configuration.defaultSubcommand }
            .map { command in
                let padding = String(repeating: " ", count: width - name(of: command).count)
                return "  \(name(of: command))\(padding)  \(command.configuration.abstract)\n"
            }
        return helpMessage(for: CartoonizeImage.self) + "\nCOMMANDS:\n" + commands.joined()
            + "\n  See 'cartoonize help <command>' for the options of a command."
    }

    private static func name(of command: ParsableCommand.Type) -> String {
        command.configuration.commandName ?? ""
    }
}
