/// One kernel at one shape.
enum KernelShape {
    case convolution(batch: Int, size: Int, channels: Int, out: Int, stride: Int)
    case linear(rows: Int, depth: Int, out: Int)
    case gated(rows: Int, depth: Int, out: Int)
    case attention(batch: Int, tokens: Int, keys: Int, heads: Int, depth: Int)
    case groupNorm(batch: Int, size: Int, channels: Int)
    case layerNorm(rows: Int, channels: Int)

    var name: String {
        switch self {
        case .convolution(let b, let s, let c, let o, let stride):
            "convolution \(b)x\(s)x\(s) \(c)>\(o)\(stride > 1 ? " stride \(stride)" : "")"
        case .linear(let rows, let k, let n): "linear \(rows) \(k)>\(n)"
        case .gated(let rows, let k, let n): "gated \(rows) \(k)>\(n)"
        case .attention(let b, let t, let k, let h, let d): "attention \(b)x\(t)x\(k) \(h)x\(d)"
        case .groupNorm(let b, let s, let c): "groupnorm \(b)x\(s)x\(s) \(c)"
        case .layerNorm(let rows, let c): "layernorm \(rows) \(c)"
        }
    }

    /// Multiplications and additions of the direct algorithm.
    var operations: Double {
        switch self {
        case .convolution(let b, let s, let c, let o, let stride):
            18 * Double(b * (s / stride) * (s / stride)) * Double(c * o)
        case .linear(let rows, let k, let n): 2 * Double(rows * k) * Double(n)
        case .gated(let rows, let k, let n): 4 * Double(rows * k) * Double(n)
        case .attention(let b, let t, let k, let h, let d): 4 * Double(b * t * h) * Double(k * d)
        case .groupNorm(let b, let s, let c): 4 * Double(b * s * s * c)
        case .layerNorm(let rows, let c): 6 * Double(rows * c)
        }
    }
}

enum KernelShapes {
    /// Stable Diffusion v1.5's UNet with three branches, 512x512.
    static let unet: [KernelShape] = [
        .convolution(batch: 3, size: 64, channels: 8, out: 320, stride: 1),
        .convolution(batch: 3, size: 64, channels: 320, out: 320, stride: 1),
        .convolution(batch: 3, size: 64, channels: 640, out: 320, stride: 1),
        .convolution(batch: 3, size: 64, channels: 960, out: 320, stride: 1),
        .convolution(batch: 3, size: 64, channels: 640, out: 640, stride: 1),
        .convolution(batch: 3, size: 64, channels: 320, out: 4, stride: 1),
        .convolution(batch: 3, size: 64, channels: 320, out: 320, stride: 2),
        .convolution(batch: 3, size: 32, channels: 320, out: 640, stride: 1),
        .convolution(batch: 3, size: 32, channels: 640, out: 640, stride: 1),
        .convolution(batch: 3, size: 32, channels: 1280, out: 640, stride: 1),
        .convolution(batch: 3, size: 32, channels: 1920, out: 640, stride: 1),
        .convolution(batch: 3, size: 32, channels: 1280, out: 1280, stride: 1),
        .convolution(batch: 3, size: 16, channels: 1280, out: 1280, stride: 1),
        .convolution(batch: 3, size: 16, channels: 2560, out: 1280, stride: 1),
        .convolution(batch: 3, size: 16, channels: 1280, out: 1280, stride: 2),
        .convolution(batch: 3, size: 8, channels: 1280, out: 1280, stride: 1),
        .convolution(batch: 3, size: 8, channels: 2560, out: 1280, stride: 1),
        .linear(rows: 12288, depth: 320, out: 320),
        .linear(rows: 12288, depth: 960, out: 320),
        .linear(rows: 12288, depth: 1280, out: 320),
        .linear(rows: 3072, depth: 640, out: 640),
        .linear(rows: 3072, depth: 2560, out: 640),
        .linear(rows: 768, depth: 1280, out: 1280),
        .linear(rows: 768, depth: 5120, out: 1280),
        .linear(rows: 192, depth: 1280, out: 1280),
        .gated(rows: 12288, depth: 320, out: 1280),
        .gated(rows: 3072, depth: 640, out: 2560),
        .gated(rows: 768, depth: 1280, out: 5120),
        .attention(batch: 3, tokens: 4096, keys: 4096, heads: 8, depth: 40),
        .attention(batch: 3, tokens: 1024, keys: 1024, heads: 8, depth: 80),
        .attention(batch: 3, tokens: 256, keys: 256, heads: 8, depth: 160),
        .attention(batch: 3, tokens: 4096, keys: 77, heads: 8, depth: 40),
        .attention(batch: 3, tokens: 1024, keys: 77, heads: 8, depth: 80),
        .groupNorm(batch: 3, size: 64, channels: 320),
        .layerNorm(rows: 12288, channels: 320),
    ]

    /// The autoencoder, 512x512.
    static let autoencoder: [KernelShape] = [
        .convolution(batch: 1, size: 512, channels: 3, out: 128, stride: 1),
        .convolution(batch: 1, size: 512, channels: 128, out: 128, stride: 1),
        .convolution(batch: 1, size: 512, channels: 256, out: 128, stride: 1),
        .convolution(batch: 1, size: 512, channels: 256, out: 256, stride: 1),
        .convolution(batch: 1, size: 512, channels: 128, out: 3, stride: 1),
        .convolution(batch: 1, size: 512, channels: 128, out: 128, stride: 2),
        .convolution(batch: 1, size: 256, channels: 256, out: 256, stride: 1),
        .convolution(batch: 1, size: 256, channels: 512, out: 512, stride: 1),
        .convolution(batch: 1, size: 128, channels: 512, out: 512, stride: 1),
        .convolution(batch: 1, size: 64, channels: 512, out: 512, stride: 1),
        .attention(batch: 1, tokens: 4096, keys: 4096, heads: 1, depth: 512),
        .groupNorm(batch: 1, size: 512, channels: 128),
    ]

    /// The embedded model's UNet, one branch, 512x512: latents of half the image's sides.
    static let embeddedUNet: [KernelShape] = [
        .convolution(batch: 1, size: 256, channels: 16, out: 48, stride: 1),
        .convolution(batch: 1, size: 256, channels: 48, out: 48, stride: 1),
        .convolution(batch: 1, size: 256, channels: 80, out: 80, stride: 1),
        .convolution(batch: 1, size: 256, channels: 128, out: 48, stride: 1),
        .convolution(batch: 1, size: 256, channels: 96, out: 48, stride: 1),
        .convolution(batch: 1, size: 256, channels: 48, out: 8, stride: 1),
        .convolution(batch: 1, size: 256, channels: 48, out: 48, stride: 2),
        .convolution(batch: 1, size: 128, channels: 48, out: 80, stride: 1),
        .convolution(batch: 1, size: 128, channels: 80, out: 80, stride: 1),
        .convolution(batch: 1, size: 128, channels: 128, out: 80, stride: 1),
        .convolution(batch: 1, size: 128, channels: 208, out: 80, stride: 1),
        .convolution(batch: 1, size: 128, channels: 128, out: 128, stride: 1),
        .convolution(batch: 1, size: 128, channels: 80, out: 80, stride: 2),
        .convolution(batch: 1, size: 64, channels: 80, out: 128, stride: 1),
        .convolution(batch: 1, size: 64, channels: 128, out: 128, stride: 1),
        .convolution(batch: 1, size: 64, channels: 208, out: 128, stride: 1),
        .convolution(batch: 1, size: 64, channels: 288, out: 128, stride: 1),
        .convolution(batch: 1, size: 64, channels: 160, out: 160, stride: 1),
        .convolution(batch: 1, size: 64, channels: 128, out: 128, stride: 2),
        .convolution(batch: 1, size: 32, channels: 128, out: 160, stride: 1),
        .convolution(batch: 1, size: 32, channels: 160, out: 160, stride: 1),
        .convolution(batch: 1, size: 32, channels: 288, out: 160, stride: 1),
        .convolution(batch: 1, size: 32, channels: 320, out: 160, stride: 1),
        .linear(rows: 1024, depth: 160, out: 160),
        .linear(rows: 1024, depth: 640, out: 160),
        .linear(rows: 4096, depth: 288, out: 128),
        .linear(rows: 16384, depth: 208, out: 80),
        .linear(rows: 65536, depth: 128, out: 48),
        .linear(rows: 262144, depth: 64, out: 32),
        .gated(rows: 1024, depth: 160, out: 640),
        .attention(batch: 1, tokens: 1024, keys: 1024, heads: 4, depth: 40),
        .attention(batch: 1, tokens: 1024, keys: 77, heads: 4, depth: 40),
        .groupNorm(batch: 1, size: 256, channels: 48),
    ]

    /// The embedded model's autoencoder, 512x512.
    static let embeddedAutoencoder: [KernelShape] = [
        .convolution(batch: 1, size: 512, channels: 3, out: 32, stride: 1),
        .convolution(batch: 1, size: 512, channels: 32, out: 32, stride: 1),
        .convolution(batch: 1, size: 512, channels: 64, out: 64, stride: 1),
        .convolution(batch: 1, size: 512, channels: 64, out: 32, stride: 1),
        .convolution(batch: 1, size: 512, channels: 32, out: 3, stride: 1),
        .convolution(batch: 1, size: 512, channels: 32, out: 32, stride: 2),
        .convolution(batch: 1, size: 256, channels: 32, out: 64, stride: 1),
        .convolution(batch: 1, size: 256, channels: 64, out: 64, stride: 1),
        .convolution(batch: 1, size: 256, channels: 64, out: 16, stride: 1),
        .convolution(batch: 1, size: 256, channels: 8, out: 64, stride: 1),
        .groupNorm(batch: 1, size: 512, channels: 32),
    ]

    static let all = unet + autoencoder + embeddedUNet + embeddedAutoencoder
}
