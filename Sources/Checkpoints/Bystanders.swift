/// Whether a tensor beside a part's weights is known to have no part in making images: what training and merging leave
/// behind. Any other tensor without a place means that configuration and weights do not belong together.
///
/// - Parameter entry: its key is that of the part, without a prefix of the file's layout.
func isBystander(_ entry: TensorEntry) -> Bool {
    // Numbers of positions, counters, markers: weights are never integers, and never empty.
    guard entry.dataType.isWeightType, !entry.shape.contains(0) else { return true }
    let parts = entry.key.split(separator: ".").map(String.init)
    guard let first = parts.first, let last = parts.last else { return false }
    return isPositionBuffer(entry.key) || buffers.contains(last) || roots.contains(first)
        || parts.contains { projections.contains($0) }
        || parts.starts(with: ["time_embedding", "cond_proj"])
}

/// Whether a key is that of a `position_ids` buffer: older text encoders store the numbers from 0 to 76, in any format.
func isPositionBuffer(_ key: String) -> Bool {
    key.split(separator: ".").last == "position_ids"
}

/// The schedules that the original training code registers as buffers, and what counts its steps.
private let buffers: Set = [
    "betas", "alphas", "alphas_cumprod", "alphas_cumprod_prev", "sqrt_alphas_cumprod", "sqrt_one_minus_alphas_cumprod",
    "log_one_minus_alphas_cumprod", "sqrt_recip_alphas_cumprod", "sqrt_recipm1_alphas_cumprod", "posterior_variance",
    "posterior_log_variance_clipped", "posterior_mean_coef1", "posterior_mean_coef2", "logvar", "lvlb_weights",
    "sigmas", "log_sigmas", "ztsnr", "v_pred", "num_updates", "num_batches_tracked",
]

/// What stands beside a part: averages, losses, other models that were trained or merged with it.
private let roots: Set = [
    "model_ema", "ema", "loss", "embedding_manager", "control_model", "denoiser", "vision_model", "visual_projection",
    "optimizer", "decay",
]

/// CLIP's way from its text encoder to the common space of texts and images.
private let projections: Set = ["text_projection", "logit_scale"]
