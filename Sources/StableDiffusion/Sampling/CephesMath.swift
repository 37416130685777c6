/// Natural logarithm, sine and cosine in single precision, rounding exactly as PyTorch's vectorised CPU kernels do.
///
/// PyTorch's AVX2 random normals use the Cephes polynomials in the form of `avx_mathfun.h` (Pommier, Garberoglio),
/// built with fused multiply-adds. The system's `logf`, `sinf` and `cosf` are closer to the true value but differ from
/// it in the last bits, and a seed should give the same noise here as there.
enum CephesMath {
    /// The natural logarithm of a positive normal number, by a polynomial on [sqrt(1/2), sqrt(2)].
    static func log(_ value: Float) -> Float {
        let bits = value.bitPattern
        var exponent = Float(Int32(bits >> 23) - 126)
        var x = Float(bitPattern: bits & 0x807F_FFFF | Float(0.5).bitPattern)  // mantissa in [0.5, 1)
        if x < 0.707106781186547524 {
            exponent -= 1
            x = (x - 1) + x
        } else {
            x -= 1
        }
        let square = x * x
        var y: Float = 7.0376836292E-2
        y = fused(y, x, -1.1514610310E-1)
        y = fused(y, x, 1.1676998740E-1)
        y = fused(y, x, -1.2420140846E-1)
        y = fused(y, x, 1.4249322787E-1)
        y = fused(y, x, -1.6668057665E-1)
        y = fused(y, x, 2.0000714765E-1)
        y = fused(y, x, -2.4999993993E-1)
        y = fused(y, x, 3.3333331174E-1)
        y = fused(y * x, square, exponent * -2.12194440e-4)
        y -= square * 0.5
        return fused(exponent, 0.693359375, x + y)
    }

    /// Sine and cosine of an angle in [0, 2 pi], by one polynomial each on [-pi/4, pi/4].
    static func sineAndCosine(_ angle: Float) -> (sine: Float, cosine: Float) {
        // The nearest even multiple of pi/4 is taken off in three parts, so that the difference keeps its precision.
        let octant = (Int32(angle * 1.27323954473516) + 1) & ~1
        let multiple = Float(octant)
        var x = fused(multiple, -0.78515625, angle)
        x = fused(multiple, -2.4187564849853515625e-4, x)
        x = fused(multiple, -3.77489497744594108e-8, x)
        let square = x * x

        var cosine: Float = 2.443315711809948e-5
        cosine = fused(cosine, square, -1.388731625493765e-3)
        cosine = fused(cosine, square, 4.166664568298827e-2)
        cosine = fused(cosine * square, square, -(square * 0.5))
        cosine += 1

        var sine: Float = -1.9515295891E-4
        sine = fused(sine, square, 8.3321608736E-3)
        sine = fused(sine, square, -1.6666654611E-1)
        sine = fused(sine * square, x, x)

        switch octant & 7 {
        case 0: return (sine, cosine)
        case 2: return (cosine, -sine)
        case 4: return (-sine, -cosine)
        default: return (-cosine, sine)
        }
    }

    /// `a * b + c` with one rounding.
    private static func fused(_ a: Float, _ b: Float, _ c: Float) -> Float {
        c.addingProduct(a, b)
    }
}
