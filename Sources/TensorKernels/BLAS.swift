import Foundation

/// OpenBLAS's matrix product, for processors that the kernels have none of their own for.
///
/// It is loaded when the first `Compute` without own products is made, not with the program: its start takes 7 ms and, for
/// each thread, 128 MiB of addresses, for which it asks for ever where `ulimit -v` refuses them.
enum BLAS {
    /// `cblas_sgemm` (order, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc).
    typealias SGEMM =
        @convention(c) (
            Int32, Int32, Int32, Int32, Int32, Int32, Float, Values?, Int32, Values?, Int32, Float,
            UnsafeMutablePointer<Float>?, Int32
        ) -> Void
    typealias Values = UnsafePointer<Float>

    /// nil where the library is not installed.
    static let sgemm: SGEMM? = {
        // Each of our threads calls it for a piece of its own; its threads on top would only fight them.
        setenv("OPENBLAS_NUM_THREADS", "1", 1)
        guard let library = dlopen(name, RTLD_NOW), let function = dlsym(library, "cblas_sgemm") else { return nil }
        return unsafeBitCast(function, to: SGEMM.self)
    }()

    static let name = "libopenblas.so.0"
    /// Addresses that each calling thread takes.
    static let bytesPerThread = 128 << 20

    private static let rowMajor: Int32 = 101
    private static let notTransposed: Int32 = 111

    /// `c[rows, columns] (+)= a[rows, depth] * b[depth, columns]`, all row-major.
    static func multiply(
        _ a: Values, _ lda: Int, _ b: Values, _ ldb: Int, _ c: UnsafeMutablePointer<Float>,
        _ ldc: Int, rows: Int, columns: Int, depth: Int, accumulate: Bool
    ) {
        guard let sgemm else { preconditionFailure("\(name) is not there") }
        sgemm(
            rowMajor, notTransposed, notTransposed, Int32(rows), Int32(columns), Int32(depth), 1, a, Int32(lda), b,
            Int32(ldb), accumulate ? 1 : 0, c, Int32(ldc))
    }
}
