import Foundation

extension WeightTensor {
    /// Gives the pages of a mapped weight back to the system; its values stay what they were.
    func releasePages() {
        guard isMapped else { return }
        let page = Int(getpagesize())
        withBase { base in
            let slack = Int(bitPattern: base) % page
            madvise(UnsafeMutableRawPointer(mutating: base - slack), byteCount + slack, Int32(MADV_DONTNEED))
        }
    }
}

extension Compute {
    /// An operation has read all of a weight.
    func used(_ weight: WeightTensor) {
        if let plan { return plan.used(weight) }
        if weightPages == .released { weight.releasePages() }
    }
}
