import Dispatch
import ImageCodecs
import Synchronization

/// Something that is computed beside the calling thread, or at once if the system starts no thread for it.
final class Background<Value: Sendable>: Sendable {
    private let outcome = Mutex<Result<Value, any Error>?>(nil)
    private let group = DispatchGroup()

    init(_ body: @escaping @Sendable () throws -> Value) {
        group.enter()
        let work: @Sendable () -> Void = { [self] in
            let result = Result { try body() }
            outcome.withLock { $0 = result }
            group.leave()
        }
        if let thread = StartedThread(work) { thread.detach() } else { work() }
    }

    /// Waits for the value, or throws what computing it threw.
    func value() throws -> Value {
        group.wait()
        guard let result = outcome.withLock({ $0 }) else { preconditionFailure("a finished task without a result") }
        return try result.get()
    }
}
