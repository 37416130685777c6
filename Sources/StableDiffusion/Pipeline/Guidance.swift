/// How far a run leans on the instruction and on the input image, by combining predictions (Brooks et al. 2023, section
/// 3.2.1): which predictions a step needs, and what they make.
public enum Guidance: Equatable, Sendable {
    /// No guidance: one prediction, with the instruction and the image.
    case off
    /// The image's scale is exactly 1, so that the prediction without an image cancels out and is not made.
    case text(Float)
    /// Three predictions: with both, with the image alone, with neither.
    case textAndImage(text: Float, image: Float)

    /// What a prediction is given.
    package enum Condition: Equatable, Sendable {
        case textAndImage
        /// The negative prompt (or none) and the image.
        case image
        /// The negative prompt (or none) and zeros for the image.
        case none
    }

    /// As diffusers decides: there is guidance if the text's scale is above 1 and the image's at least 1.
    public init(textScale: Float, imageScale: Float) {
        if textScale > 1, imageScale > 1 {
            self = .textAndImage(text: textScale, image: imageScale)
        } else if textScale > 1, imageScale == 1 {
            self = .text(textScale)
        } else {
            self = .off
        }
    }

    /// What `combine` wants, in its order.
    package var conditions: [Condition] {
        switch self {
        case .off: [.textAndImage]
        case .text: [.textAndImage, .image]
        case .textAndImage: [.textAndImage, .image, .none]
        }
    }

    /// The same predictions for the UNet: its inputs are the image (0) and zeros (1), its texts the instruction (0) and
    /// the negative prompt (1).
    package var branches: [Branch] {
        conditions.map { condition in
            switch condition {
            case .textAndImage: Branch(sample: 0, text: 0)
            case .image: Branch(sample: 0, text: 1)
            case .none: Branch(sample: 1, text: 1)
            }
        }
    }

    /// `e_none + text (e_textAndImage - e_image) + image (e_image - e_none)`
    ///
    /// - Parameter predictions: one for each of `conditions`.
    package func combine(_ predictions: [[Float]]) -> [Float] {
        precondition(predictions.count == conditions.count, "\(predictions.count) predictions for \(self)")
        let full = predictions[0]
        switch self {
        case .off:
            return full
        case .text(let text):
            let image = predictions[1]
            return full.indices.map { image[$0] + text * (full[$0] - image[$0]) }
        case .textAndImage(let text, let imageScale):
            let (image, none) = (predictions[1], predictions[2])
            return full.indices.map {
                none[$0] + text * (full[$0] - image[$0]) + imageScale * (image[$0] - none[$0])
            }
        }
    }
}
