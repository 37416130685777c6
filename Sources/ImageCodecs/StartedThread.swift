import Foundation

/// A thread that may be refused: Dispatch would try for ever to start one, and Foundation would not say that it could not.
package struct StartedThread {
    private let thread: pthread_t

    private final class Work {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Runs `body` on a thread of its own; nil if the system starts no more.
    package init?(_ body: @escaping @Sendable () -> Void) {
        let work = Unmanaged.passRetained(Work(body))
        var thread = pthread_t()
        let status = pthread_create(
            &thread, nil,
            { work in
                if let work { Unmanaged<Work>.fromOpaque(work).takeRetainedValue().body() }
                return nil
            }, work.toOpaque())
        guard status == 0 else {
            work.release()
            return nil
        }
        self.thread = thread
    }

    /// Waits for its end. Either this or `detach` is called once.
    package func join() { pthread_join(thread, nil) }

    /// Leaves it to itself.
    package func detach() { pthread_detach(thread) }

    /// Runs `body` on the calling thread and, at the same time, on as many others as make `count`, or as the system starts.
    static func run(on count: Int, _ body: @Sendable () -> Void) {
        withoutActuallyEscaping(body) { body in
            var threads: [StartedThread] = []
            while threads.count < count - 1, let thread = StartedThread(body) { threads.append(thread) }
            body()
            for thread in threads { thread.join() }
        }
    }
}
