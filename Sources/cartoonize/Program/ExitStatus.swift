import Checkpoints
import ImageCodecs
import ModelHub
import StableDiffusion
import TensorKernels

/// What the process reports to its caller. The numbers are documented and scripts rely on them.
enum ExitStatus: Int32 {
    case success = 0
    /// Something failed while running that is none of the cases below.
    case failure = 1
    /// The command line itself is wrong.
    case usage = 2
    /// The model is missing or invalid.
    case model = 3
    /// The input cannot be read or is no image.
    case input = 4
    /// The output exists or cannot be written.
    case output = 5
    /// Some images of a batch could not be made.
    case incomplete = 6
    /// What is asked for does not fit into the memory that can be had.
    case memory = 7
    /// The model's safety checker flags the image, which is not written.
    case flagged = 8
}

/// A failure with the sentence that the user sees and the status that the caller gets.
struct CommandFailure: Error {
    let status: ExitStatus
    var message: String
    /// Whether the images of a batch that are still to come would fail as well.
    var stopsBatch = false

    init(_ status: ExitStatus, _ message: String) {
        self.status = status
        self.message = message
    }

    /// The failure for whatever a library threw.
    init(describing error: any Error) {
        switch error {
        case let failure as CommandFailure: self = failure
        case CheckpointError.cannotWrite, CheckpointError.destinationExists:
            self.init(.output, String(describing: error))
        case CheckpointError.noVirtualMemory:
            self.init(
                .memory,
                "not enough memory: \(error) Raise the limit (ulimit -v), or take the model \(defaultModelName)")
            stopsBatch = true
        case is ConfigurationError, is CheckpointError, is SamplerError:
            self.init(.model, "the model cannot be used: \(error)")
            stopsBatch = true
        case is KernelSetError:
            self.init(.usage, String(describing: error))
            stopsBatch = true
        case let error as HubError: self.init(ExitStatus(error), error.description)
        case is ImageError: self.init(.output, String(describing: error))
        default: self.init(.failure, String(describing: error))
        }
    }
}

extension ExitStatus {
    /// What kind of failure a pull ended with.
    fileprivate init(_ error: HubError) {
        switch error {
        case .badName, .badEndpoint: self = .usage
        case .noRepository, .noRevision, .noFile, .gated, .forbidden, .badToken, .notThisKind, .tooManyFiles,
            .wrongContent, .unreadable, .damaged:
            self = .model
        case .noSpace, .disk, .installed, .busy: self = .output
        case .offline, .badAnswer, .network, .gaveUp: self = .failure
        }
    }
}

/// The reader of our standard output went away: nobody reads on, so the program just ends.
struct ClosedPipe: Error {}

/// Runs a command's work and gives whatever it throws its sentence and its status.
func describingFailures(_ work: () throws -> Void) throws {
    do {
        try work()
    } catch is ClosedPipe {
        throw ClosedPipe()
    } catch {
        throw CommandFailure(describing: error)
    }
}
