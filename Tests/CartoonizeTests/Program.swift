import Foundation
import Testing

/// The built program, run as its users run it.
enum Program {
    /// The folder of the running test bundle; the program is built beside it.
    private static let buildFolder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent()

    static let path = buildFolder.appendingPathComponent("cartoonize").path

    /// The package's `Models` folder, looked for upward from the build folder.
    static let modelsFolder: URL = {
        var folder = buildFolder
        while folder.path != "/", !FileManager.default.fileExists(atPath: folder.path + "/Package.swift") {
            folder.deleteLastPathComponent()
        }
        return folder.appendingPathComponent("Models")
    }()

    struct Outcome {
        var status: Int32
        var output: Data
        var errors: String

        var outputText: String { String(decoding: output, as: UTF8.self) }
        var errorLines: [Substring] { errors.split(separator: "\n") }
    }

    /// Runs the program in `folder` and waits for it.
    static func run(
        _ arguments: [String], in folder: TemporaryFolder, environment: [String: String] = [:],
        input: String = "/dev/null"
    ) throws -> Outcome {
        try launch(arguments, in: folder, environment: environment, input: input).finish()
    }

    /// Runs a line of bash in `folder`, in which `$program` is the program.
    static func runShell(_ line: String, in folder: TemporaryFolder) throws -> Outcome {
        try Running(
            "/bin/bash", ["-c", line], in: folder, environment: cleanEnvironment(folder, ["program": path]),
            input: "/dev/null"
        ).finish()
    }

    static func launch(
        _ arguments: [String], in folder: TemporaryFolder, environment: [String: String] = [:],
        input: String = "/dev/null"
    ) throws -> Running {
        try Running(path, arguments, in: folder, environment: cleanEnvironment(folder, environment), input: input)
    }

    /// No model or cache of the person who runs the tests is seen.
    private static func cleanEnvironment(_ folder: TemporaryFolder, _ added: [String: String]) -> [String: String] {
        let kept = ProcessInfo.processInfo.environment.filter {
            $0.key.hasPrefix("OPENBLAS") || ["PATH", "CARTOONIZE_KERNELS"].contains($0.key)
        }
        return kept.merging(["HOME": folder.path + "/home", "TERM": "xterm"]) { $1 }.merging(added) { $1 }
    }

    /// A started program. Its streams go to files, so that it never waits for a reader.
    final class Running {
        let process = Process()
        private let streams: URL

        init(
            _ program: String, _ arguments: [String], in folder: TemporaryFolder, environment: [String: String],
            input: String
        ) throws {
            streams = FileManager.default.temporaryDirectory.appendingPathComponent("streams-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: streams, withIntermediateDirectories: true)
            process.executableURL = URL(fileURLWithPath: program)
            process.arguments = arguments
            process.environment = environment
            process.currentDirectoryURL = folder.url
            process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: input))
            process.standardOutput = try Self.newFile(streams.appendingPathComponent("output"))
            process.standardError = try Self.newFile(streams.appendingPathComponent("errors"))
            try process.run()
        }

        var errorsSoFar: String {
            (try? String(contentsOf: streams.appendingPathComponent("errors"), encoding: .utf8)) ?? ""
        }

        /// Waits until standard error has `text`, a minute at most.
        func waitForErrors(containing text: String) throws {
            let deadline = Date(timeIntervalSinceNow: 60)
            while !errorsSoFar.contains(text), Date() < deadline { usleep(5_000) }
            try #require(errorsSoFar.contains(text))
        }

        func finish() throws -> Outcome {
            process.waitUntilExit()
            defer { try? FileManager.default.removeItem(at: streams) }
            let wasKilled = process.terminationReason == .uncaughtSignal
            return Outcome(
                status: wasKilled ? -process.terminationStatus : process.terminationStatus,
                output: try Data(contentsOf: streams.appendingPathComponent("output")), errors: errorsSoFar)
        }

        private static func newFile(_ url: URL) throws -> FileHandle {
            try Data().write(to: url)
            return try FileHandle(forWritingTo: url)
        }
    }
}
