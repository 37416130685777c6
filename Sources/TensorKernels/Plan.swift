/// Counts what operations would do: every one says what its work is where it hands it to the threads (`Compute.parallel`).
final class Plan {
    var work = Work()
    /// The weights used so far, by address.
    private var seen: Set<UInt> = []
    /// Bytes of the distinct weights used that are mapped, and of those that are copies; and of the largest one.
    private(set) var mappedBytes = 0
    private(set) var copiedBytes = 0
    private(set) var largestWeight = 0
    /// Bytes of the weights, of those that are mapped, that are sums and in no file.
    private(set) var summedBytes = 0

    func used(_ weight: WeightTensor) {
        guard seen.insert(weight.address).inserted else { return }
        largestWeight = max(largestWeight, weight.byteCount)
        if weight.isMapped {
            mappedBytes += weight.byteCount
            work.mapped += Double(weight.byteCount)
        } else {
            copiedBytes += weight.byteCount
        }
    }

    /// A weight's sum with what is added to it, which takes so many bytes.
    func summed(bytes: Int, _ work: Work) {
        summedBytes += bytes
        self.work = self.work + work
    }
}

extension Compute {
    package var isPlanner: Bool { plan != nil }

    /// What was planned since this planner was made.
    package var planned: (work: Work, mappedBytes: Int, copiedBytes: Int, largestWeight: Int, summedBytes: Int) {
        guard let plan else { return (Work(), 0, 0, 0, 0) }
        return (plan.work, plan.mappedBytes, plan.copiedBytes, plan.largestWeight, plan.summedBytes)
    }
}
