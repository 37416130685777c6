import Foundation
import Testing

/// Ctrl-C and `kill`: the documented status, and nothing left behind.
struct SignalTests {
    /// A run that takes long enough to be interrupted, waited for until it computes.
    private func startLongRun(in folder: TemporaryFolder) throws -> Program.Running {
        try folder.write("photo.png", SamplePicture.png(width: 64, height: 64))
        let running = try Program.launch(["photo.png", "--steps", "1000"], in: folder)
        try running.waitForErrors(containing: "seed")
        return running
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func endsWithTheDocumentedStatus(signal: Int32) throws {
        let folder = try TemporaryFolder()
        let running = try startLongRun(in: folder)
        kill(running.process.processIdentifier, signal)
        let outcome = try running.finish()
        #expect(outcome.status == 128 + signal)
        #expect(outcome.output.isEmpty)
        #expect(!outcome.errors.contains("error"))
        #expect(folder.contents == ["photo.png"])
    }

    @Test func secondSignalDoesNoHarm() throws {
        let folder = try TemporaryFolder()
        let running = try startLongRun(in: folder)
        for _ in 0..<2 { kill(running.process.processIdentifier, SIGINT) }
        #expect(try running.finish().status == 130)
        #expect(folder.contents == ["photo.png"])
    }
}
