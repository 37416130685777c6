import Foundation

/// Brings an image of high dynamic range (ITU-R BT.2100, PQ or HLG) to sRGB.
///
/// The brightest channel of a pixel goes through the curve of ITU-R BT.2390 (5.4.1, "EETF"), from a display of 1,000 cd/m2 to
/// one whose white is the reference of BT.2408, 203 cd/m2; the others keep their ratio to it, so that hues stay. Then the
/// colours are brought to sRGB's primaries, and what lies outside is clipped.
struct ToneMapping {
    private static let sourcePeak = 1000.0
    private static let targetPeak = 203.0

    private let transfer: ColourDescription.Transfer
    /// From the linear light of the image's primaries to sRGB's, row by row.
    private let matrix: [Float]

    init(_ description: ColourDescription) {
        transfer = description.transfer
        let toXYZ = Self.matrix(description.chromaticities)
        let fromXYZ = Self.inverse(Self.matrix(ColourDescription.sRGB))
        matrix = (0..<9).map { index -> Float in
            let (row, column) = index.quotientAndRemainder(dividingBy: 3)
            var sum = 0.0
            for k in 0..<3 { sum += fromXYZ[3 * row + k] * toXYZ[3 * k + column] }
            return Float(sum)
        }
    }

    /// - Parameter samples: `[count, 3]` values of 16 bits.
    /// - Returns: `[count, 3]` bytes.
    func toSRGB(_ samples: [UInt16]) -> [UInt8] {
        let encoded = (0...4096).map { Self.encoded(Float($0) / 4096) }
        let isPQ = transfer == .perceptualQuantizer
        // By value: the light of a sample, and (PQ) by how much the pixel with it as its brightest is scaled.
        let light = (0...65535).map { value -> Float in
            let signal = Double(value) / 65535
            return Float(isPQ ? Self.light(pq: signal) : Self.sceneLight(hlg: signal))
        }
        let scale = isPQ ? light.map { Float(Self.scale(Double($0))) } : []
        return [UInt8](unsafeUninitializedCapacity: samples.count) { output, count in
            count = samples.count
            for start in stride(from: 0, to: samples.count - 2, by: 3) {
                let (red, green, blue) = (samples[start], samples[start + 1], samples[start + 2])
                var linear = (light[Int(red)], light[Int(green)], light[Int(blue)])
                var factor: Float
                if isPQ {
                    factor = scale[Int(max(red, green, blue))]
                } else {
                    // BT.2100's OOTF for a display of 1,000 cd/m2.
                    let luminance = 0.2627 * linear.0 + 0.6780 * linear.1 + 0.0593 * linear.2
                    factor = Float(Self.sourcePeak) * Float(pow(Double(max(luminance, 1e-6)), 0.2))
                    let brightest = factor * max(linear.0, linear.1, linear.2)
                    factor *= Float(Self.scale(Double(brightest)))
                }
                factor /= Float(Self.targetPeak)
                linear = (linear.0 * factor, linear.1 * factor, linear.2 * factor)
                for channel in 0..<3 {
                    let row = 3 * channel
                    let value = matrix[row] * linear.0 + matrix[row + 1] * linear.1 + matrix[row + 2] * linear.2
                    output[start + channel] = Self.byte(min(max(value, 0), 1), encoded)
                }
            }
        }
    }

    /// sRGB's curve from its table, whose steps are too coarse for the darkest values.
    private static func byte(_ linear: Float, _ encoded: [Float]) -> UInt8 {
        if linear < 1.0 / 64 { return UInt8((Self.encoded(linear) * 255).rounded()) }
        let place = linear * 4096
        let index = min(Int(place), 4095)
        let fraction = place - Float(index)
        return UInt8(((encoded[index] + (encoded[index + 1] - encoded[index]) * fraction) * 255).rounded())
    }

    private static func encoded(_ linear: Float) -> Float {
        linear <= 0.0031308 ? 12.92 * linear : 1.055 * Float(pow(Double(linear), 1 / 2.4)) - 0.055
    }

    /// By how much light of a brightness in cd/m2 is scaled by BT.2390's curve.
    private static func scale(_ light: Double) -> Double {
        guard light > 0 else { return 1 }
        let peak = pq(sourcePeak)
        let value = min(pq(light) / peak, 1)
        let maximum = pq(targetPeak) / peak
        let knee = 1.5 * maximum - 0.5
        guard value > knee else { return 1 }
        let t = (value - knee) / (1 - knee)
        let (square, cube) = (t * t, t * t * t)
        let toKnee: Double = 2 * cube - 3 * square + 1
        let slope: Double = cube - 2 * square + t
        let mapped = toKnee * knee + slope * (1 - knee) + (1 - toKnee) * maximum
        return self.light(pq: mapped * peak) / light
    }

    // SMPTE ST 2084
    private static let (m1, m2) = (2610.0 / 16384, 2523.0 / 4096 * 128)
    private static let (c1, c2, c3) = (3424.0 / 4096, 2413.0 / 4096 * 32, 2392.0 / 4096 * 32)

    private static func pq(_ light: Double) -> Double {
        let power = pow(light / 10_000, m1)
        return pow((c1 + c2 * power) / (1 + c3 * power), m2)
    }

    private static func light(pq signal: Double) -> Double {
        let power = pow(signal, 1 / m2)
        return 10_000 * pow(max(power - c1, 0) / (c2 - c3 * power), 1 / m1)
    }

    /// BT.2100's inverse OETF.
    private static func sceneLight(hlg signal: Double) -> Double {
        let (a, b, c) = (0.17883277, 0.28466892, 0.55991073)
        return signal <= 0.5 ? signal * signal / 3 : (exp((signal - c) / a) + b) / 12
    }

    /// From linear RGB to CIE XYZ, for white of luminance 1.
    private static func matrix(_ xy: [Double]) -> [Double] {
        func xyz(_ index: Int) -> [Double] {
            let (x, y) = (xy[2 * index], xy[2 * index + 1])
            return [x / y, 1, (1 - x - y) / y]
        }
        let (white, red, green, blue) = (xyz(0), xyz(1), xyz(2), xyz(3))
        let primaries = (0..<3).flatMap { [red[$0], green[$0], blue[$0]] }
        let inverse = inverse(primaries)
        let amounts = (0..<3).map { row -> Double in
            inverse[3 * row] * white[0] + inverse[3 * row + 1] * white[1] + inverse[3 * row + 2] * white[2]
        }
        return (0..<9).map { primaries[$0] * amounts[$0 % 3] }
    }

    private static func inverse(_ m: [Double]) -> [Double] {
        func minor(_ a: Int, _ b: Int, _ c: Int, _ d: Int) -> Double { m[a] * m[d] - m[b] * m[c] }
        let determinant = m[0] * minor(4, 5, 7, 8) - m[1] * minor(3, 5, 6, 8) + m[2] * minor(3, 4, 6, 7)
        let adjugate = [
            minor(4, 5, 7, 8), -minor(1, 2, 7, 8), minor(1, 2, 4, 5), -minor(3, 5, 6, 8), minor(0, 2, 6, 8),
            -minor(0, 2, 3, 5), minor(3, 4, 6, 7), -minor(0, 1, 6, 7), minor(0, 1, 3, 4),
        ]
        return adjugate.map { $0 / determinant }
    }
}
