/// How exactly large products, convolutions and attention are computed; sums are float32 in any case.
public enum Precision: String, CaseIterable, Codable, Sendable {
    /// In float32.
    case full
    /// Factors are rounded to bfloat16, 8 bits of precision: twice as fast, if `KernelSet.computesHalf`.
    case half
}
