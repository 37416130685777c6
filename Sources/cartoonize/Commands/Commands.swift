import ArgumentParser

/// The commands as they are parsed: what starts with no command's name is a photo to cartoonize.
struct Commands: ParsableCommand {
    /// The commands that need their name.
    static let named: [any ParsableCommand.Type] = [
        WatchCommand.self, InspectCommand.self, ModelsCommand.self, PullCommand.self, ConvertCommand.self,
        VerifyCommand.self,
    ]

    static let configuration = CommandConfiguration(
        commandName: "cartoonize",
        version: "cartoonize \(cartoonizeVersion)",
        subcommands: [CartoonizeImage.self] + named,
        defaultSubcommand: CartoonizeImage.self)

    /// Whether arguments are those of a command that needs its name.
    static func areOthers(_ arguments: [String]) -> Bool {
        let names = named.filter { $0 != WatchCommand.self }.compactMap { $0.configuration.commandName } + ["help"]
        return arguments.first.map(names.contains) ?? false
    }

    /// The command that a mistyped name may mean.
    static func near(_ name: String) -> String? {
        named.compactMap { $0.configuration.commandName }.first { isMisspelling(name, of: $0) }
    }
}

/// The commands as they are described, by the help, the shell completions and the manual page: the options of the
/// command that needs no name belong to the program itself.
struct Manual: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cartoonize",
        abstract: CartoonizeImage.configuration.abstract,
        usage: CartoonizeImage.configuration.usage,
        discussion: CartoonizeImage.configuration.discussion,
        version: Commands.configuration.version,
        subcommands: Commands.named)

    @OptionGroup var image: CartoonizeImage

    /// Whether `arguments` ask for a description of the whole program.
    static func describes(_ arguments: [String]) -> Bool {
        if [["--help"], ["-h"], ["help"]].contains(arguments) { return true }
        return ["--generate-completion-script", "--experimental-dump-help"]
            .contains { arguments.first?.hasPrefix($0) ?? false }
    }
}
