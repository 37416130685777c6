"""Makes the golden files of the random numbers and the samplers (run with torch, numpy and diffusers).

    python make_sampler_fixtures.py

Writes, all little-endian:
  random-normals.bin      for each generator: seed (uint64), number of calls (uint32); for each call: number of values
                          (uint32) and torch.randn's bit patterns (uint32 each)
  samplers.json           groups of runs: the sampler's name (null: the file's own), a scheduler file, counts of steps
  samplers.bin            for each run: the noise scale, the timesteps, each step's latents and the next normal value of
                          the run's generator (float32), in that order
  samplers-last.json      groups of runs, as above
  samplers-last.bin       for each run: the latents after the last step (float32)
  samplers-timesteps.json groups of samplers, as above
  samplers-timesteps.bin  for each run: the timesteps (uint16)
"""

import inspect
import json
import os
import random
import struct

import diffusers
import numpy as np
import torch

diffusers.utils.logging.set_verbosity_error()
HERE = os.path.dirname(os.path.abspath(__file__))
SHAPE = (1, 4, 1, 5)  # 20 values: above the 16 of a random block and no multiple of it
CLASSES = {
    "ddim": diffusers.DDIMScheduler,
    "pndm": diffusers.PNDMScheduler,
    "euler": diffusers.EulerDiscreteScheduler,
    "euler-a": diffusers.EulerAncestralDiscreteScheduler,
    "heun": diffusers.HeunDiscreteScheduler,
    "dpm++-2m": diffusers.DPMSolverMultistepScheduler,
    "dpm++-2m-karras": diffusers.DPMSolverMultistepScheduler,
    "unipc": diffusers.UniPCMultistepScheduler,
    "lcm": diffusers.LCMScheduler,
    "tcd": diffusers.TCDScheduler,
}
DISTILLED = ["lcm", "tcd"]  # their timesteps are those of the distillation
FORCED = {"dpm++-2m": {"use_karras_sigmas": False}, "dpm++-2m-karras": {"use_karras_sigmas": True}}

# Stable Diffusion's noise, and the published cartoonizer's file with its left-over fields.
STABLE = dict(
    beta_start=0.00085,
    beta_end=0.012,
    beta_schedule="scaled_linear",
    num_train_timesteps=1000,
    clip_sample=False,
    set_alpha_to_one=False,
    skip_prk_steps=True,
    steps_offset=1,
)
CARTOONIZER = dict(
    _class_name="EulerAncestralDiscreteScheduler",
    _diffusers_version="0.15.0.dev0",
    algorithm_type="dpmsolver++",
    beta_end=0.012,
    beta_schedule="scaled_linear",
    beta_start=0.00085,
    clip_sample=False,
    dynamic_thresholding_ratio=0.995,
    lower_order_final=True,
    num_train_timesteps=1000,
    prediction_type="epsilon",
    sample_max_value=1.0,
    set_alpha_to_one=False,
    skip_prk_steps=True,
    solver_order=2,
    solver_type="midpoint",
    steps_offset=1,
    thresholding=False,
    trained_betas=None,
)
MANY = [1, 2, 3, 4, 5, 7, 10, 13, 14, 15, 20, 25, 50]
LONG = {"linspace": [100], "leading": [33], "trailing": [61, 103]}
FEW = [1, 2, 3, 5, 10, 20]
SPACINGS = ["linspace", "leading", "trailing"]
PREDICTIONS = {kind: ["v_prediction", "sample"] for kind in CLASSES} | {
    "pndm": ["v_prediction"],
    "euler-a": ["v_prediction"],
}


def scheduler_of(kind, config, steps):
    if kind is None:
        scheduler = getattr(diffusers, config["_class_name"]).from_config(config)
    else:
        scheduler = CLASSES[kind].from_config(config, **FORCED.get(kind, {}))
    scheduler.set_timesteps(steps)
    evaluations = len(scheduler.timesteps)
    if scheduler.config.timestep_spacing == "trailing" and scheduler.timesteps[-1] < 0:
        # A rounding slip of numpy.arange adds a step at timestep -1; the run asked for ends before it.
        evaluations -= 2 if scheduler.order == 2 else 1
        scheduler.timesteps = scheduler.timesteps[:evaluations]
        if hasattr(scheduler, "sigmas"):
            scheduler.sigmas = torch.cat([scheduler.sigmas[:evaluations], scheduler.sigmas[-1:]])
        scheduler.num_inference_steps = steps
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(0)  # else a timestep that comes twice at the start is taken for the second step
    return scheduler


def model(scaled, step):
    """A stand-in for the UNet that any language computes to the same bits."""
    index = torch.arange(scaled.numel(), dtype=torch.int64)
    noise = ((step * 7919 + index * 104729) % 257).to(torch.float32) / 128 - 1
    return scaled * 0.3 + noise.reshape(scaled.shape) * 0.7


def run(kind, config, steps):
    scheduler = scheduler_of(kind, config, steps)
    generator = torch.Generator().manual_seed(steps)
    scale = torch.as_tensor(scheduler.init_noise_sigma, dtype=torch.float32)
    latents = torch.randn(SHAPE, generator=generator) * scale
    out = [scale.reshape(1).numpy(), scheduler.timesteps.to(torch.float32).numpy()]
    for step, timestep in enumerate(scheduler.timesteps):
        prediction = model(scheduler.scale_model_input(latents, timestep), step)
        takes_generator = "generator" in inspect.signature(scheduler.step).parameters
        options = {"generator": generator} if takes_generator else {}
        if "eta" in inspect.signature(scheduler.step).parameters:
            options["eta"] = 0.0  # as pipelines pass it
        latents = scheduler.step(prediction, timestep, latents, **options).prev_sample
        out.append(latents.flatten().numpy())
    out.append(torch.randn(16, generator=generator)[:1].numpy())
    values = np.concatenate(out).astype("<f4")
    assert np.isfinite(values).all(), (kind, config, steps)
    return values


def sampler_groups():
    groups = []

    def add(kind, counts, **config):
        groups.append({"kind": kind, "config": config, "counts": counts})

    for kind in CLASSES:
        for spacing in SPACINGS if kind not in DISTILLED else ["leading"]:
            add(kind, MANY + LONG[spacing], **STABLE, timestep_spacing=spacing)
            for prediction in PREDICTIONS[kind]:
                add(kind, FEW, **STABLE, timestep_spacing=spacing, prediction_type=prediction)
        add(kind, [4, 20], **CARTOONIZER)
        add(kind, [4, 7, 20], _class_name=CLASSES[kind].__name__)  # the class's own defaults
        add(None, [4, 20], **STABLE, _class_name=CLASSES[kind].__name__)
        add(kind, [5, 20], beta_schedule="squaredcos_cap_v2", skip_prk_steps=True)
        add(kind, [5, 20], beta_schedule="linear", beta_start=0.0015, beta_end=0.0195, skip_prk_steps=True)
        add(
            kind,
            [4, 10],
            trained_betas=[0.01 + 0.002 * i for i in range(50)],
            num_train_timesteps=50,
            skip_prk_steps=True,
        )
        add(kind, [5, 12], **STABLE | dict(num_train_timesteps=500, steps_offset=3, timestep_spacing="leading"))
        if kind not in ("pndm", "heun"):
            for spacing in ["linspace", "trailing"]:
                add(
                    kind,
                    [3, 10, 20],
                    **STABLE
                    | dict(rescale_betas_zero_snr=True, prediction_type="v_prediction", timestep_spacing=spacing),
                )
    skipping = STABLE | dict(skip_prk_steps=False)
    for spacing in SPACINGS:
        add("pndm", [4, 5, 7, 10, 13, 20, 50], **skipping, timestep_spacing=spacing)
        add("pndm", [4, 10], **skipping, timestep_spacing=spacing, prediction_type="v_prediction")
    for kind in ["ddim", "pndm"]:
        add(kind, [5, 20], **STABLE | dict(set_alpha_to_one=True))
    for kind in ["ddim", "heun", "lcm"]:
        add(kind, [5, 20], **STABLE | dict(clip_sample=True, clip_sample_range=0.7))
    for kind in ["euler", "heun", "unipc"]:
        for spacing in SPACINGS:
            add(kind, [1, 5, 13, 20, 50], **STABLE, use_karras_sigmas=True, timestep_spacing=spacing)
    add("euler", [5, 20], **STABLE, use_karras_sigmas=True, sigma_min=0.05, sigma_max=10.0)
    for kind in ["euler", "dpm++-2m", "unipc"]:
        add(kind, [5, 20], **STABLE, final_sigmas_type="sigma_min")
    add(None, [5, 20], **STABLE, _class_name="DPMSolverMultistepScheduler", use_karras_sigmas=True)
    add("dpm++-2m", [5, 20], **STABLE, use_karras_sigmas=True)
    add("dpm++-2m-karras", [5, 20], beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction")
    for more in [
        dict(solver_order=1),
        dict(solver_order=3),
        dict(solver_type="heun"),
        dict(solver_type="bh2"),
        dict(euler_at_final=True, final_sigmas_type="sigma_min"),
        dict(lower_order_final=False),
        dict(algorithm_type="deis", final_sigmas_type="sigma_min"),
        dict(beta_schedule="squaredcos_cap_v2", lambda_min_clipped=-5.1),
    ]:
        add("dpm++-2m", [3, 10, 14, 15, 20], **STABLE | more)
    for more in [
        dict(solver_order=1),
        dict(solver_order=3),
        dict(solver_type="bh1", final_sigmas_type="sigma_min"),
        dict(solver_type="bh1", solver_order=3, final_sigmas_type="sigma_min"),
        dict(disable_corrector=[0, 2]),
        dict(lower_order_final=False, final_sigmas_type="sigma_min"),
    ]:
        add("unipc", [3, 10, 20], **STABLE | more)
    add("lcm", [4, 8], **STABLE, original_inference_steps=20, timestep_scaling=3.0)
    return groups


def last_groups():
    """Every sampler, spacing and kind of prediction at every count up to 50."""
    groups = []
    for kind in CLASSES:
        for spacing in SPACINGS if kind not in DISTILLED else ["leading"]:
            for prediction in ["epsilon"] + PREDICTIONS[kind]:
                config = STABLE | dict(timestep_spacing=spacing, prediction_type=prediction)
                groups.append({"kind": kind, "config": config, "counts": list(range(1, 51))})
    return groups


def last_latents(kind, config, steps):
    return run(kind, config, steps)[-1 - SHAPE[1] * SHAPE[2] * SHAPE[3] : -1]


def timestep_groups():
    groups = []
    every = list(range(1, 121))

    def add(kind, counts, **config):
        groups.append({"kind": kind, "config": STABLE | config, "counts": counts})

    for kind in ["ddim", "dpm++-2m"]:
        for spacing in SPACINGS:
            add(kind, every, timestep_spacing=spacing)
    add("dpm++-2m-karras", every)
    for kind in DISTILLED:
        add(kind, list(range(1, 51)))
    add("pndm", every[3:], skip_prk_steps=False)
    add("ddim", [500, 700, 999], timestep_spacing="trailing")
    add("ddim", [500, 999, 1000], timestep_spacing="linspace")
    return groups


def random_normals():
    random.seed(0)
    out = []
    sizes = [1, 2, 3, 5, 7, 15, 16, 17, 20, 31, 32, 60, 140, 141]
    seeds = [0, 1, 42, 2**31, 2**32 - 1, 2**32, 2**32 + 42, 2**63 + 7] + [random.getrandbits(64) for _ in range(40)]
    for number, seed in enumerate(seeds):
        calls = random.choices(sizes, k=6) + ([16384] if number == 2 else [1000] if number < 5 else [])
        generator = torch.Generator().manual_seed(seed - 2**64 if seed >= 2**63 else seed)
        out.append(struct.pack("<QI", seed, len(calls)))
        for count in calls:
            values = torch.randn(count, generator=generator).numpy().astype("<f4")
            out.append(struct.pack("<I", count) + values.tobytes())
    return b"".join(out)


def write(name, data):
    with open(os.path.join(HERE, name), "wb") as file:
        file.write(data)
    print(f"{name}: {len(data)} bytes")


def main():
    torch.manual_seed(0)
    write("random-normals.bin", random_normals())
    groups = sampler_groups()
    write("samplers.json", json.dumps(groups).encode())
    write("samplers.bin", b"".join(run(g["kind"], g["config"], n).tobytes() for g in groups for n in g["counts"]))
    groups = last_groups()
    write("samplers-last.json", json.dumps(groups).encode())
    write(
        "samplers-last.bin",
        b"".join(last_latents(g["kind"], g["config"], n).tobytes() for g in groups for n in g["counts"]),
    )
    groups = timestep_groups()
    write("samplers-timesteps.json", json.dumps(groups).encode())
    write(
        "samplers-timesteps.bin",
        b"".join(
            scheduler_of(g["kind"], g["config"], n).timesteps.numpy().astype("<u2").tobytes()
            for g in groups
            for n in g["counts"]
        ),
    )


if __name__ == "__main__":
    main()
