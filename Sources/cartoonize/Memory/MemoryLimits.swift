import Files
import StableDiffusion
import TensorKernels

/// What this process may have of memory for the images of a run.
struct MemoryLimits {
    /// What this process has and what it may still take, together; nil without a limit.
    private let available: Int?
    /// The virtual memory that is left for weights, tensors and images; nil without a limit.
    private let virtualMemory: Int?
    private let tensorCapacity: Int
    /// Of this process before the model.
    private let ownBytes: Int
    private let isBatch: Bool

    /// Pages of the program and its libraries that the model is the first to use.
    private static let libraryBytes = 8 << 20

    /// - Parameters:
    ///   - compute: where the images will be made.
    ///   - available: what this process may still take; nil without a limit.
    init(compute: Compute, threads: Int, isBatch: Bool, available: Int?) {
        self.isBatch = isBatch
        virtualMemory = VirtualMemory.left.map {
            $0 - VirtualMemoryBudget.ownBytes(threads: threads) - compute.workingAddressBytes
        }
        tensorCapacity = virtualMemory == nil ? compute.capacityBytes : .max
        let resident = ProcessStatus.residentBytes ?? 0
        ownBytes = resident + Self.libraryBytes
        self.available = available.map { $0 + resident }
    }

    /// The process's resident memory at its highest.
    func peakBytes(_ need: MemoryNeed) -> Int {
        // In a batch, while the model works, the image before is being written and the next photo read.
        ownBytes + need.photo.peak + (isBatch ? need.photo.held + need.photo.reading : 0) + need.modelBytes
    }

    func fit(_ need: MemoryNeed) -> Bool {
        need.estimate.tensorBytes <= tensorCapacity && peakBytes(need) <= available ?? .max && fitsVirtualMemory(need)
    }

    private func fitsVirtualMemory(_ need: MemoryNeed) -> Bool { need.virtualBytes <= virtualMemory ?? .max }

    /// Whether more virtual memory could help.
    var virtualMemoryIsLimited: Bool { virtualMemory != nil }

    /// What is needed and what there is, for an image that does not fit.
    func shortage(_ need: MemoryNeed) -> (needed: String, available: String) {
        if let virtualMemory, !fitsVirtualMemory(need) {
            return ("\(byteCountText(need.virtualBytes)) of virtual memory", byteCountText(max(virtualMemory, 0)))
        }
        return (byteCountText(peakBytes(need)), byteCountText(min(available ?? .max, tensorCapacity)))
    }
}
