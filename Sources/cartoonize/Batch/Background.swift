import Dispatch
import Synchronization

/// Something that is computed beside the calling thread.
final class Background<Value: Sendable>: Sendable {
    private let outcome = Mutex<Result<Value, any Error>?>(nil)
    private let group = DispatchGroup()

    init(_ body: @escaping @Sendable () throws -> Value) {
        DispatchQueue.global().async(group: group) { [self] in
            let result = Result { try body() }
            outcome.withLock { $0 = result }
        }
    }

    /// Waits for the value, or throws what computing it threw.
    func value() throws -> Value {
        group.wait()
        guard let result = outcome.withLock({ $0 }) else { preconditionFailure("a finished task without a result") }
        return try result.get()
    }
}
