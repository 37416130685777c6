import Foundation
import Testing

private let hasPython = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
    FileManager.default.isExecutableFile(atPath: "\($0)/python3")
}

/// A quick part of `make hard`: a few kills, where the system has Python.
@Suite(.enabled(if: hasPython, "the scripts need python3")) struct HardTests {
    private static let scripts = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("suites/hard").path

    @Test(arguments: ["kills.py --kills 6 run", "kills.py --kills 6 convert"])
    func killedRunsLeaveNothingWrong(script: String) throws {
        let folder = try TemporaryFolder()
        let outcome = try Program.runShell("cd '\(Self.scripts)' && PROGRAM=$program python3 \(script)", in: folder)
        #expect(outcome.status == 0, "\(outcome.outputText)\(outcome.errors)")
        let last = outcome.outputText.split(separator: "\n").last ?? ""
        #expect(last.firstMatch(of: /^[1-9][0-9]* kills, 0 wrong$/) != nil, "\(outcome.outputText)")
    }
}
