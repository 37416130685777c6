/// What a run takes over from evaluations before, or leaves out, to be done sooner. The image comes near that of the exact
/// run and is not the same.
public struct Shortcuts: Equatable, Sendable {
    /// The part of all evaluations that are guided, from 0 to 1: before and after it the prediction with instruction and
    /// photo stands alone (Kynkäänniemi et al. 2024, "Applying guidance in a limited interval").
    public var guidanceInterval: ClosedRange<Double> = 0...1
    /// Every how many evaluations guidance is worked out: between them what it added last is added again.
    public var guidancePeriod = 1
    /// Every how many evaluations the whole UNet runs: between them its outermost layers alone, on what the inner ones made
    /// last (DeepCache, Ma et al. 2024; cache branch 0).
    public var innerPeriod = 1

    /// None: the exact run.
    public init() {}

    /// What of the model an evaluation runs.
    package struct Evaluation: Hashable {
        package enum Guidance { case none, fresh, reused }
        package let guidance: Guidance
        /// Whether the inner blocks run.
        package let isWhole: Bool
    }

    /// Each of `count` evaluations of a run.
    ///
    /// - Parameter isGuided: whether the run has guidance at all.
    package func evaluations(_ count: Int, isGuided: Bool) -> [Evaluation] {
        let first = Int((guidanceInterval.lowerBound * Double(count)).rounded())
        let last = Int((guidanceInterval.upperBound * Double(count)).rounded())
        // Whether what the inner blocks made last is there for all branches.
        var hasAllBranches = false
        return (0..<count).map { index in
            let isInside = isGuided && first..<max(first, last) ~= index
            let guidance: Evaluation.Guidance =
                !isInside ? .none : (index - first) % guidancePeriod == 0 ? .fresh : .reused
            let isWhole = index % innerPeriod == 0 || (guidance == .fresh && !hasAllBranches)
            if isWhole { hasAllBranches = guidance == .fresh }
            return Evaluation(guidance: guidance, isWhole: isWhole)
        }
    }
}

/// Shortcuts by one name; what they cost and save is in Tests/suites/bench/README.md.
public enum FastMode: String, Codable, Equatable, Sendable, CaseIterable {
    /// Near the exact image.
    case fast
    /// Sooner still, and less near.
    case more

    /// What it stands for.
    public var shortcuts: Shortcuts {
        var shortcuts = Shortcuts()
        switch self {
        case .fast: (shortcuts.guidancePeriod, shortcuts.innerPeriod) = (3, 3)
        case .more: (shortcuts.guidancePeriod, shortcuts.innerPeriod) = (5, 5)
        }
        return shortcuts
    }
}
