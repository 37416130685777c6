import CKernels
import Foundation

/// Where tensors live and kernels run: the threads, the instruction set and the memory of one run.
///
/// There is one thread policy: kernels cut their work at boundaries that depend on shapes only, never on the number of
/// threads, and each piece is computed by one thread; so the same inputs give the same bytes for any `threads`.
public final class Compute {
    /// The instruction sets that the kernels were built for.
    public enum InstructionSet: String, CaseIterable, Sendable {
        /// x86-64 with AVX-512 F, BW, DQ and VL.
        case avx512
        /// x86-64 with AVX2 and FMA.
        case avx2
        /// What the compiler targets without further flags; matrix products go to OpenBLAS.
        case baseline
    }

    /// The number of threads that kernels use, at least 1.
    public let threads: Int
    /// The instruction set in use.
    public let instructionSet: InstructionSet

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

    /// - Parameters:
    ///   - threads: at least 1; by default one for each processor that this process may use.
    ///   - instructionSet: nil takes what the environment's `CARTOONIZE_KERNELS` names, or else the best that the
    ///     processor has; one that it lacks is replaced by the baseline.
    public convenience init(threads: Int = Compute.availableThreads, instructionSet: InstructionSet? = nil) {
        self.init(threads: threads, instructionSet: instructionSet, plan: nil)
    }

    /// Where operations only hand out addresses and count what they would do: a model run here says what it will take, by
    /// the same code. No value may be read.
    package static func planner(threads: Int) -> Compute {
        Compute(threads: threads, instructionSet: nil, plan: Plan())
    }

    private init(threads: Int, instructionSet: InstructionSet?, plan: Plan?) {
        let name = instructionSet?.rawValue ?? getenv("CARTOONIZE_KERNELS").map { String(cString: $0) }
        guard let table = ck_select(name) ?? ck_select("baseline"),
            let pool = ck_pool_create(plan == nil ? max(1, threads) : 1)
        else { preconditionFailure("no memory for threads") }
        self.threads = max(1, threads)
        self.pool = pool
        self.plan = plan
        arena = plan == nil ? Arena() : Arena(planning: ())
        kernels = table.pointee
        self.instructionSet = InstructionSet(rawValue: String(cString: kernels.name)) ?? .baseline
    }

    deinit { ck_pool_destroy(pool) }

    /// The library that this processor's products are left to and that is not installed; nil if nothing is missing.
    public var missingLibrary: String? { kernels.gemm == nil && BLAS.sgemm == nil ? BLAS.name : nil }

    /// The processors that this process may run on (its affinity mask).
    public static var availableThreads: Int { ck_processors() }

    /// The most memory that tensors have taken at one time, in bytes.
    public var peakBytes: Int { arena.peakBytes }

    /// The most memory that tensors can take at one time, in bytes.
    public var capacityBytes: Int { arena.capacity }

    /// Makes room for tensors of so many bytes where the system limits addresses (`AddressSpace.left`) and no tensor is
    /// there; elsewhere there is all the room there can be.
    public func reserve(bytes: Int) { arena.reserve(bytes) }

    /// Addresses that running takes beside weights and tensors.
    public var workingAddressBytes: Int { kernels.gemm == nil ? threads * BLAS.bytesPerThread : 0 }

    /// Gives the pages of freed tensors back to the system, but for the first `bytes`: between the stages of a run.
    public func trim(keeping bytes: Int = 0) { arena.trim(keeping: bytes) }

    /// Runs `body(index, worker)` for each index below `count`; `worker` is below `threads` and unique among the bodies
    /// that run at one time.
    func parallel(_ count: Int, _ body: (_ index: Int, _ worker: Int) -> Void) {
        guard plan == nil else { return }
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
    func parallel(_ count: Int, by size: Int, _ body: (_ range: Range<Int>, _ worker: Int) -> Void) {
        parallel((count + size - 1) / size) { index, worker in
            body(index * size..<min(count, (index + 1) * size), worker)
        }
    }

    /// A tensor whose values are not set yet.
    package func empty(_ shape: [Int]) -> Tensor {
        let storage = Tensor.Storage(arena: arena, count: shape.reduce(1, *))
        return Tensor(shape: shape, storage: storage, offset: 0, compute: self)
    }

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
