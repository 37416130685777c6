import ArgumentParser

/// Tells how a picture was made, from the parameters inside it.
struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Print the parameters inside a picture.")

    @Argument(help: "A PNG or JPEG file; '-' for standard input.", completion: .file())
    var picture: String

    @Flag(help: "Print a JSON object.")
    var json = false

    func run() throws {
        let inspected = try InputPicture(InputFile(path: picture))
        if json {
            try StandardStreams.printResult(Report(inspected, name: picture).jsonLine())
        } else if let parameters = inspected.parameters {
            // Anybody may have written them: nothing in them may reach a terminal as a command.
            let lines = parameters.split(separator: "\n", omittingEmptySubsequences: false)
            try StandardStreams.printResult(lines.map { singleLine(String($0)) }.joined(separator: "\n"))
        } else {
            Console.line("\(picture): \(inspected.format), \(inspected.size), no parameters inside")
        }
    }

    private struct Report: Encodable {
        var input: String
        var format: String
        var width: Int
        var height: Int
        var instruction: String?
        var negative: String?
        /// The settings by their names in the text, such as `Steps` and `CFG scale`.
        var parameters: [String: String]?

        init(_ picture: InputPicture, name: String) {
            input = name
            format = picture.format.rawValue
            width = picture.size.width
            height = picture.size.height
            guard let text = picture.parameters else { return }
            let read = GenerationParameters(text: text)
            instruction = read.instruction
            negative = read.negativeInstruction
            parameters = Dictionary(read.fields.map { ($0.name, $0.value) }) { first, _ in first }
        }
    }
}
