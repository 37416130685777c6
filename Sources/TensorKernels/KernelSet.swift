import CKernels
import Foundation

/// The kernels of one instruction set, or the best ones with OpenBLAS's matrix products in place of their own. There is
/// none that cannot run here.
public struct KernelSet: @unchecked Sendable {
    /// One of `names`.
    public let name: String
    /// Constants.
    let table: ck_kernels
    /// How exactly products are computed with it; by default in full.
    public var precision = Precision.full
    /// What multiplies matrices in place of the table's kernel.
    let blas: BLAS?

    private init(name: String, table: ck_kernels, blas: BLAS? = nil) {
        (self.name, self.table, self.blas) = (name, table, blas)
    }

    /// Whether an instruction of this processor computes `Precision.half`. Others get the same results, but slowly.
    public var computesHalf: Bool { blas == nil && table.multiplies_pairs != 0 }

    /// Of all sets, on whatever processors.
    public static let names = ["avx512", "avx2", "neon", "baseline", "blas"]

    /// The best that this processor can run.
    public static let best = instructionSets[0]

    /// Those that can run here, the best first, and last that with OpenBLAS, if it is installed.
    public static let available =
        instructionSets + (BLAS.library.map { [KernelSet(name: "blas", table: best.table, blas: $0)] } ?? [])

    private static let instructionSets: [KernelSet] = {
        let tables = UnsafeMutablePointer<UnsafePointer<ck_kernels>?>.allocate(capacity: Int(CK_MOST_SETS))
        defer { tables.deallocate() }
        return (0..<ck_available(tables)).compactMap { tables[$0]?.pointee }.map {
            KernelSet(name: String(cString: $0.name), table: $0)
        }
    }()

    /// - Throws: `KernelSetError` if no such set can run here.
    public init(named name: String) throws(KernelSetError) {
        guard let set = Self.available.first(where: { $0.name == name }) else {
            throw KernelSetError(name: name, available: Self.available.map(\.name))
        }
        self = set
    }

    /// The set that the environment's `CARTOONIZE_KERNELS` names, the best without it.
    ///
    /// - Parameter precision: of products.
    /// - Throws: `KernelSetError` if it is empty or no such set can run here.
    public static func chosen(_ precision: Precision = .full) throws(KernelSetError) -> KernelSet {
        var set = best
        if let name = getenv("CARTOONIZE_KERNELS") { set = try KernelSet(named: String(cString: name)) }
        set.precision = precision
        return set
    }
}

/// A set of kernels is asked for that cannot run here.
public struct KernelSetError: Error, Equatable, CustomStringConvertible {
    /// What was asked for.
    public let name: String
    /// The names of those that can.
    public let available: [String]

    /// One sentence with the names that can be asked for.
    public var description: String {
        let last = available.count - 1
        let list = last > 0 ? available[..<last].joined(separator: ", ") + " and " + available[last] : available[0]
        return "CARTOONIZE_KERNELS is \"\(name)\", but the kernels that can run here are \(list)"
    }
}
