import StableDiffusion
import TensorKernels

/// One way of making an image, and the memory that it takes.
struct MemoryNeed {
    let estimate: RunEstimate
    let photo: PictureMemory
    let residency: InstructPix2Pix.Residency
    let use: MemoryUse

    private var weightPages: Compute.WeightPages { use == .low ? .released : .kept }

    /// What the model takes at its highest, the weights' mapped pages included.
    var modelBytes: Int { estimate.peakBytes(residency: residency, weightPages: weightPages) }

    /// The memory of tensors that stays between stages.
    var keptTensorBytes: Int { estimate.keptTensorBytes(residency: residency, weightPages: weightPages) }

    /// The virtual memory of weights, tensors and image.
    var virtualBytes: Int { estimate.virtualBytes(residency: residency) + VirtualMemoryBudget.bytes(of: photo.photo) }
}
