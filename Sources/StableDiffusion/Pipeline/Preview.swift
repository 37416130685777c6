import TensorKernels

/// What a caller wants to see of an image while it is made.
public struct Preview {
    /// Every so many steps, from 1.
    public var interval: Int
    /// Takes the number of steps done and the image so far, at the latents' resolution unless the model has a tiny
    /// autoencoder; what it throws ends the run.
    public var show: (_ stepsDone: Int, _ picture: PixelImage) throws -> Void

    /// Previews every `interval` steps, which must be above 0.
    public init(interval: Int, show: @escaping (_ stepsDone: Int, _ picture: PixelImage) throws -> Void) {
        precondition(interval > 0, "a preview every \(interval) steps")
        self.interval = interval
        self.show = show
    }
}

/// Makes approximate images out of predictions without the model's own decoder.
///
/// A step's prediction says what the clean latents would be. They are decoded by a tiny autoencoder where the model has
/// one beside it. Elsewhere colours are taken for a linear function of latents, which they nearly are. That function is
/// fitted to the input image and its own latents, so it needs no constants of a particular autoencoder.
package struct PreviewMaker {
    private enum Decoding {
        /// For each of red, green and blue, 0 to 255, a weight for each latent channel and a constant.
        case linear([[Double]])
        case tiny(ImageDecoder)
    }

    private let alphasCumprod: [Float]
    private let predictionType: PredictionType
    /// What latents are divided by before they are decoded.
    private let scalingFactor: Float
    /// `[height, width, channels]` of the latents.
    private let shape: [Int]
    private let compute: Compute
    private let decoding: Decoding

    /// Fits colours to an image.
    ///
    /// - Parameters:
    ///   - imageLatents: `[1, height, width, channels]`, those of `image`, not scaled.
    package init(
        imageLatents: Tensor, image: PixelImage, schedule: SchedulerConfiguration, steps: Int, scalingFactor: Float
    ) throws {
        let shape = imageLatents.shape
        let colours = Self.fit(
            imageLatents.values, channels: shape[3], to: image.averaged(width: shape[2], height: shape[1]))
        try self.init(.linear(colours), imageLatents, schedule, steps, scalingFactor)
    }

    /// Decodes with a tiny autoencoder.
    ///
    /// - Parameters:
    ///   - imageLatents: `[1, height, width, channels]`
    ///   - scalingFactor: of the tiny autoencoder.
    package init(
        decoder: ImageDecoder, imageLatents: Tensor, schedule: SchedulerConfiguration, steps: Int, scalingFactor: Float
    ) throws {
        try self.init(.tiny(decoder), imageLatents, schedule, steps, scalingFactor)
    }

    private init(
        _ decoding: Decoding, _ imageLatents: Tensor, _ schedule: SchedulerConfiguration, _ steps: Int,
        _ scalingFactor: Float
    ) throws {
        alphasCumprod = try NoiseSchedule(schedule, steps: steps).alphasCumprod
        predictionType = try schedule.predictionType(.epsilon, .sample, .velocity)
        self.scalingFactor = scalingFactor
        shape = Array(imageLatents.shape.dropFirst())
        compute = imageLatents.compute
        self.decoding = decoding
    }

    /// - Parameters:
    ///   - prediction: the guided prediction, in PyTorch's order.
    ///   - input: the latents it was made for, as the model saw them.
    package func picture(prediction: [Float], input: [Float], timestep: Float) -> PixelImage {
        let alpha = alphasCumprod[min(max(0, Int(timestep)), alphasCumprod.count - 1)]
        let (signal, noise) = (max(alpha, 1e-6).squareRoot(), (1 - alpha).squareRoot())
        let clean = elementwise(input, prediction) { latent, predicted in
            predictionType.clean(latent, predicted: predicted, signal: signal, noise: noise) / scalingFactor
        }
        return switch decoding {
        case .linear(let colours): picture(of: clean, colours)
        case .tiny(let decoder):
            PixelImage(decoder(compute.tensor(channelsFirst: clean, [1, shape[2], shape[0], shape[1]])))
        }
    }

    private func picture(of clean: [Float], _ colours: [[Double]]) -> PixelImage {
        let (pixels, channels) = (shape[0] * shape[1], shape[2])
        var rgb = [UInt8](repeating: 0, count: 3 * pixels)
        for pixel in 0..<pixels {
            for (colour, weights) in colours.enumerated() {
                var value = weights[channels]
                for channel in 0..<channels {
                    value += weights[channel] * Double(clean[channel * pixels + pixel])
                }
                rgb[3 * pixel + colour] = UInt8(min(max(value, 0), 255).rounded())
            }
        }
        return PixelImage(width: shape[1], height: shape[0], rgb: rgb)
    }

    /// Least squares with a little damping, so that an image of one colour has a solution, too.
    ///
    /// - Returns: for each colour `channels` weights and a constant.
    private static func fit(_ latents: [Float], channels: Int, to rgb: [Double]) -> [[Double]] {
        let size = channels + 1
        // The normal equations, with the three right sides beside the matrix.
        var rows = [[Double]](repeating: [Double](repeating: 0, count: size + 3), count: size)
        for pixel in 0..<latents.count / channels {
            let features = (0..<channels).map { Double(latents[pixel * channels + $0]) } + [1]
            for row in 0..<size {
                for column in 0..<size { rows[row][column] += features[row] * features[column] }
                for colour in 0..<3 { rows[row][size + colour] += features[row] * rgb[3 * pixel + colour] }
            }
        }
        let damping = 1e-4 * rows.indices.map { rows[$0][$0] }.reduce(0, +) / Double(size)
        for row in 0..<size { rows[row][row] += damping }
        // Gauss and Jordan; the matrix is positive definite, so no pivots need to be looked for.
        for pivot in 0..<size {
            let scale = 1 / rows[pivot][pivot]
            for column in pivot..<size + 3 { rows[pivot][column] *= scale }
            for row in 0..<size where row != pivot {
                let factor = rows[row][pivot]
                for column in pivot..<size + 3 { rows[row][column] -= factor * rows[pivot][column] }
            }
        }
        return (0..<3).map { colour in rows.map { $0[size + colour] } }
    }
}

extension PixelImage {
    /// The mean colours of equal rectangles, `width * height * 3` values; the sides must be multiples of these.
    fileprivate func averaged(width: Int, height: Int) -> [Double] {
        let (across, down) = (self.width / width, self.height / height)
        var sums = [Double](repeating: 0, count: 3 * width * height)
        for y in 0..<height * down {
            for x in 0..<width * across {
                for colour in 0..<3 {
                    sums[3 * (y / down * width + x / across) + colour] += Double(rgb[3 * (y * self.width + x) + colour])
                }
            }
        }
        return sums.map { $0 / Double(across * down) }
    }
}
