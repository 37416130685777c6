import ArgumentParser
import Checkpoints
import Files
import Foundation
import ImageCodecs
import StableDiffusion

/// Prints how an image was made, from the settings inside it, or what a model consists of.
struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Print the settings inside an image, or the parts of a model.")

    @Argument(
        help: "An image file, '-' for standard input, a model as for --model, or a file of weights.",
        completion: .file())
    var subject: String

    @Flag(help: "List every tensor of a model.")
    var tensors = false

    @Flag(help: "Print a JSON object.")
    var json = false

    @OptionGroup
    var sandbox: SandboxOptions

    func run() throws {
        try describingFailures {
            if !sandbox.noSandbox {
                _ = try Sandbox(reading: nil, writing: [], allowsNetwork: WebPhoto(subject) != nil).enter()
            }
            if let model = try model() {
                try model.print(tensors: tensors, json: json)
            } else {
                try inspectPicture()
            }
        }
    }

    /// The model that is meant, nil for an image.
    private func model() throws -> InspectedModel? {
        if ModelSearch.weightExtensions.contains(FilePath(subject).fileExtension) {
            return try InspectedModel(file: subject)
        }
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: subject, isDirectory: &isFolder)
        let search = ModelSearch.forThisProcess()
        if isFolder.boolValue { return try InspectedModel(search.locate(subject)) }
        guard !exists, subject != "-", let found = try? search.locate(subject) else { return nil }
        return try InspectedModel(found)
    }

    private func inspectPicture() throws {
        let inspected = try InputFile(path: subject).header()
        if json {
            try StandardStreams.printResult(Report(inspected, name: WebPhoto.shown(subject)).jsonLine())
        } else if let parameters = inspected.parameters {
            // Anybody may have written them: nothing in them may reach a terminal as a command.
            let lines = parameters.split(separator: "\n", omittingEmptySubsequences: false)
            try StandardStreams.printResult(lines.map { singleLine(String($0)) }.joined(separator: "\n"))
        } else {
            let size = "\(inspected.width)x\(inspected.height)"
            Console.line("\(WebPhoto.shown(subject)): \(inspected.format), \(size), no parameters inside")
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

        init(_ picture: ImageHeader, name: String) {
            input = name
            format = picture.format.name
            width = picture.width
            height = picture.height
            guard let text = picture.parameters else { return }
            let read = GenerationParameters(text: text)
            instruction = read.instruction
            negative = read.negativePrompt
            parameters = Dictionary(read.fields.map { ($0.name, $0.value) }) { first, _ in first }
        }
    }
}
