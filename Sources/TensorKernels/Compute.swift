import CKernels
import Foundation

/// Where tensors live and kernels run: the threads, the kernels and the memory of one run.
///
/// Each value of a result is computed by one thread, by the same operations in the same order wherever the work is cut: so
/// the same inputs give the same bytes for any `threads`. Other kernels give other last bits.
public final class Compute {
    /// The number of threads that kernels use, at least 1.
    public let threads: Int
    /// The kernels in use.
    public let kernelSet: KernelSet

    /// What becomes of a mapped weight's pages after it was used.
    public enum WeightPages: Sendable {
        /// They stay in memory as long as the system has room.
        case kept
        /// Given back to the system, which finds them in its cache, or reads the file again, when they are needed.
        case released
    }

    /// What becomes of the pages of weights used from here on.
    public var weightPages = WeightPages.kept

    let kernels: ck_kernels
    let arena: Arena
    private let pool: OpaquePointer
    /// Where operations are counted instead of done; nil for real work.
    let plan: Plan?

    /// With the kernels that the environment's `CARTOONIZE_KERNELS` names, or else the best that the processor has.
    ///
    /// - Parameter threads: at least 1; by default one for each processor that this process may use. There will be fewer if
    ///   the system refuses to start so many.
    /// - Throws: if there are no such kernels.
    public convenience init(threads: Int = Compute.availableThreads) throws(KernelSetError) {
        self.init(threads: threads, kernels: try .chosen())
    }

    /// With the kernels given.
    public convenience init(threads: Int = Compute.availableThreads, kernels: KernelSet) {
        self.init(threads: threads, kernels: kernels, plan: nil)
    }

    /// A shape-only dry run: operations count what they would do and compute nothing. A model run here says what it will take, by
    /// the same code. No value may be read.
    package static func planner(threads: Int, kernels: KernelSet = .best) -> Compute {
        Compute(threads: threads, kernels: kernels, plan: Plan())
    }

    private init(threads: Int, kernels: KernelSet, plan: Plan?) {
        guard let pool = ck_pool_create(plan == nil ? max(1, threads) : 1) else {
            preconditionFailure("no memory for threads")
        }
        self.threads = plan == nil ? ck_pool_threads(pool) : max(1, threads)
        self.pool = pool
        self.plan = plan
        arena = plan == nil ? Arena() : Arena(planning: ())
        kernelSet = kernels
        self.kernels = kernels.table
    }

    deinit { ck_pool_destroy(pool) }

    /// The processors that this process may use: those of its affinity mask, and no more than its control groups' quotas of
    /// processor time are worth.
    public static var availableThreads: Int { AvailableProcessors().count }

    /// The most memory that tensors have taken at one time, in bytes.
    public var peakBytes: Int { arena.peakBytes }

    /// The most memory that tensors can take at one time, in bytes.
    public var capacityBytes: Int { arena.capacity }

    /// Makes room for tensors of so many bytes where the system limits virtual memory (`VirtualMemory.left`) and no tensor is
    /// there; elsewhere there is all the room there can be.
    public func reserve(bytes: Int) { arena.reserve(bytes) }

    /// Virtual memory that running takes beside weights and tensors.
    public var workingAddressBytes: Int { kernelSet.blas == nil ? 0 : threads * BLAS.bytesPerThread }

    /// Gives the pages of freed tensors back to the system, but for the first `bytes`: between the stages of a run.
    public func trim(keeping bytes: Int = 0) { arena.trim(keeping: bytes) }

    /// Runs `body(index, worker)` for each index below `count`; `worker` is below `threads` and unique among the bodies
    /// that run at one time.
    ///
    /// - Parameter work: what all of them do together; a dry run adds it up and does nothing else.
    func parallel(_ count: Int, _ work: Work, _ body: (_ index: Int, _ worker: Int) -> Void) {
        if let plan {
            plan.work = plan.work + work
            return
        }
        withoutActuallyEscaping(body) { body in
            let job = Job(body)
            ck_pool_run(pool, count, Unmanaged.passUnretained(job).toOpaque()) { job, index, worker in
                guard let job else { return }
                Unmanaged<Job>.fromOpaque(job).takeUnretainedValue().body(index, worker)
            }
            withExtendedLifetime(job) {}
        }
    }

    private final class Job {
        let body: (Int, Int) -> Void
        init(_ body: @escaping (Int, Int) -> Void) { self.body = body }
    }

    /// Runs `body(range, worker)` over pieces of at most `size` of `0..<count`.
    func parallel(
        _ count: Int, by size: Int, _ work: Work, _ body: (_ range: Range<Int>, _ worker: Int) -> Void
    ) {
        parallel((count + size - 1) / size, work) { index, worker in
            body(index * size..<min(count, (index + 1) * size), worker)
        }
    }

    /// A tensor whose values are not set yet.
    package func empty(_ shape: [Int]) -> Tensor {
        let storage = Tensor.Storage(arena: arena, count: shape.reduce(1, *))
        return Tensor(shape: shape, storage: storage, offset: 0, compute: self)
    }

    /// Whether factors are pairs of bfloat16, each pair in the place of a float.
    var isHalf: Bool { kernelSet.precision == .half }

    /// Working memory of `count` floats.
    func scratch(_ count: Int) -> Tensor { empty([count]) }

    /// A tensor of zeros.
    public func zeros(_ shape: [Int]) -> Tensor {
        let tensor = empty(shape)
        if plan == nil { tensor.pointer.update(repeating: 0, count: tensor.count) }
        return tensor
    }

    /// A tensor with the given values in row-major order.
    public func tensor(_ values: [Float], _ shape: [Int]) -> Tensor {
        precondition(values.count == shape.reduce(1, *), "\(values.count) values for shape \(shape)")
        let tensor = empty(shape)
        guard plan == nil else { return tensor }
        values.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { tensor.pointer.update(from: base, count: source.count) }
        }
        return tensor
    }
}
