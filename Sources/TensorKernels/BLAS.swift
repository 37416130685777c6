import Foundation

/// OpenBLAS's matrix product.
///
/// How it rounds a row depends, on some processors, on where the row stands in the call and on how many there are. So all
/// calls are made at boundaries that only shapes decide, never the number of threads.
///
/// It is loaded when it is asked for, not with the program: its start takes 7 ms and, for each thread, 128 MiB of
/// virtual memory, for which it asks for ever where `ulimit -v` refuses them.
struct BLAS: Sendable {
    /// `cblas_sgemm` (order, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc).
    private typealias SGEMM =
        @convention(c) @Sendable (
            Int32, Int32, Int32, Int32, Int32, Int32, Float, UnsafePointer<Float>?, Int32, UnsafePointer<Float>?, Int32,
            Float, UnsafeMutablePointer<Float>?, Int32
        ) -> Void

    private let sgemm: SGEMM

    /// nil where it is not installed.
    static let library: BLAS? = {
        // Each of our threads calls it for a piece of its own; its threads on top would only fight them.
        setenv("OPENBLAS_NUM_THREADS", "1", 1)
        guard let library = dlopen("libopenblas.so.0", RTLD_NOW), let function = dlsym(library, "cblas_sgemm") else {
            return nil
        }
        return BLAS(sgemm: unsafeBitCast(function, to: SGEMM.self))
    }()

    /// Virtual memory that each calling thread takes.
    static let bytesPerThread = 128 << 20

    private static let rowMajor: Int32 = 101
    private static let notTransposed: Int32 = 111

    /// `c[rows, columns] (+)= a[rows, depth] * packed`, panel by panel, as `ck_kernels.gemm` does it.
    func multiply(
        _ a: UnsafePointer<Float>, _ lda: Int, _ packed: UnsafePointer<Float>, panelStride: Int,
        _ c: UnsafeMutablePointer<Float>, _ ldc: Int, rows: Int, columns: Int, depth: Int, accumulate: Bool
    ) {
        let panel = PackedMatrix.panel
        for column in stride(from: 0, to: columns, by: panel) {
            sgemm(
                Self.rowMajor, Self.notTransposed, Self.notTransposed, Int32(rows), Int32(min(panel, columns - column)),
                Int32(depth), 1, a, Int32(lda), packed + column / panel * panelStride, Int32(panel), accumulate ? 1 : 0,
                c + column, Int32(ldc))
        }
    }
}
