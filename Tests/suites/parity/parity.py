"""Compare whole runs, stage by stage, with diffusers' StableDiffusionInstructPix2PixPipeline in float32 on the CPU.

    python parity.py [MODEL [PHOTO]] [--size 256] [--steps 4] [--sampler CLASS ...] [--lora FILE] [--vae FOLDER] ...

Prints each stage's relative error in the Euclidean norm and fails above --tolerance. Token ids must be identical. The
guidance's differences (text - image, image - nothing) are stages of their own: they show what the predictions hide.
Without a model the embedded one and, with every sampler, a tiny one are compared, this also with what may be added to a
model: LoRAs, textual inversions, another autoencoder, a safety checker. Needs the packages of requirements.txt beside
this file, and parity-dump: swift build -c release --product parity-dump.
"""

import argparse
import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile

import diffusers
import numpy as np
import torch
from diffusers import AutoencoderKL, StableDiffusionInstructPix2PixPipeline
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image, ImageOps
from safetensors.torch import load_file
from transformers import CLIPImageProcessor

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
SAMPLERS = [
    "DDIMScheduler",
    "PNDMScheduler",
    "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "HeunDiscreteScheduler",
    "DPMSolverMultistepScheduler",
    "UniPCMultistepScheduler",
    "LCMScheduler",
]


def load(model):
    """A folder in diffusers' layout, or one file in the single-file (LDM) layout, whose configurations diffusers takes
    from its hub."""
    start = (
        StableDiffusionInstructPix2PixPipeline.from_single_file
        if os.path.isfile(model)
        else StableDiffusionInstructPix2PixPipeline.from_pretrained
    )
    pipe = start(
        model, torch_dtype=torch.float32, safety_checker=None, requires_safety_checker=False, feature_extractor=None
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def token_ids(tokenizer, *texts):
    return tokenizer(
        list(texts), padding="max_length", max_length=tokenizer.model_max_length, truncation=True, return_tensors="pt"
    ).input_ids


@torch.no_grad()
def reference_stages(pipe, image, instruction, negative, steps, guidance, image_guidance, seed, sampler=None):
    """Every stage of one run, as the pipeline itself computes them; `image` has the size to work at."""
    stages, scheduler = {}, pipe.scheduler
    if sampler:
        pipe.scheduler = getattr(diffusers, sampler).from_config(scheduler.config)
    # A textual inversion's word stands for several tokens.
    ids = token_ids(
        pipe.tokenizer, *(pipe.maybe_convert_prompt(text, pipe.tokenizer) for text in (instruction, negative))
    )
    stages["token_ids"], stages["text"] = ids.int(), pipe.text_encoder(ids)[0]
    encoded = pipe.vae.encode(pipe.image_processor.preprocess(image))
    stages["image_latents"] = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
    step = 0

    def keep_predictions(module, args, output):
        nonlocal step
        for i, prediction in enumerate(output[0]):
            stages[f"branch.{i}.{step}"] = prediction[None].clone()
        step += 1

    def keep_latents(pipe, i, t, tensors):
        stages[f"latents.{i}"] = tensors["latents"].clone()
        return tensors

    def keep_output(module, args, output):
        stages["output"] = output.clone()

    hooks = [pipe.unet.register_forward_hook(keep_predictions), pipe.vae.decoder.register_forward_hook(keep_output)]
    out = pipe(
        instruction,
        image=image,
        negative_prompt=negative,
        num_inference_steps=steps,
        guidance_scale=guidance,
        image_guidance_scale=image_guidance,
        generator=torch.Generator("cpu").manual_seed(seed),
        output_type="np",
        callback_on_step_end=keep_latents,
    ).images
    for hook in hooks:
        hook.remove()
    pipe.scheduler = scheduler
    stages["image"] = torch.from_numpy((out[0] * 255).round().astype("uint8"))
    return stages


@torch.no_grad()
def safety_scores(checker, extractor, image, thresholds=True):
    """What diffusers' safety checker computes for an image before it rounds; without thresholds the cosines alone."""
    vectors = checker.visual_projection(checker.vision_model(extractor(image, return_tensors="pt").pixel_values)[1])
    normal = torch.nn.functional.normalize
    special = (normal(vectors) @ normal(checker.special_care_embeds).T)[0]
    concepts = (normal(vectors) @ normal(checker.concept_embeds).T)[0]
    if not thresholds:
        return {"special": special, "concepts": concepts}
    adjustment = 0.0
    for i, threshold in enumerate(checker.special_care_embeds_weights):
        special[i] += adjustment - threshold
        if round(special[i].item(), 3) > 0:
            adjustment = 0.01
    return {"special": special, "concepts": concepts - checker.concept_embeds_weights + adjustment}


def distance(a, b):
    return ((a.double() - b.double()).norm() / b.double().norm()).item()


def compare(ours, theirs, tolerance):
    """Prints a line for each stage; whether all are within their limits."""
    failures = []

    def check(name, value, reference, limit=tolerance):
        error = distance(value, reference)
        if not error <= limit:
            failures.append(name)
        print(f"{name:28s} {error:.2e}{'' if error <= limit else '   FAILED'}")

    # Without guidance there is no negative text here; the reference's lists have it, last.
    for name, limit in (("token_ids", 0), ("text", tolerance)):
        check(name, ours[name], theirs[name][: len(ours[name])], limit)
    check("image_latents", ours["image_latents"], theirs["image_latents"])
    for step in range(sum(k.startswith("latents.") for k in theirs)):
        branches = [f"branch.{i}.{step}" for i in range(3) if f"branch.{i}.{step}" in ours]
        for name in branches:
            check(name, ours[name], theirs[name])
        for a, b in itertools.pairwise(branches):
            check(f"{a} - {b}", ours[a] - ours[b], theirs[a] - theirs[b])
        check(f"latents.{step}", ours[f"latents.{step}"], theirs[f"latents.{step}"])
    check("output", ours["output"], theirs["output"])
    error = (ours["image"].double() - theirs["image"].double()).pow(2).mean().item()
    decibels = 99.0 if error == 0 else 10 * np.log10(255**2 / error)
    if decibels < 50:
        failures.append("image")
    print(f"{'image':28s} {decibels:.1f} dB{'' if decibels >= 50 else '   FAILED'}")
    return not failures


def add(pipe, a):
    """Adds what the arguments name to diffusers' pipeline."""
    for number, name in enumerate(a.lora):
        file, _, strength = name.partition(":")
        pipe.load_lora_weights(os.path.dirname(file), weight_name=os.path.basename(file), adapter_name=str(number))
        pipe.fuse_lora(lora_scale=float(strength or 1), adapter_names=[str(number)])
        pipe.unload_lora_weights()
    for file in a.embedding:
        pipe.load_textual_inversion(os.path.dirname(file), weight_name=os.path.basename(file))
    if a.vae:
        pipe.vae = AutoencoderKL.from_pretrained(a.vae, torch_dtype=torch.float32)


def compare_safety(ours, theirs, folder):
    """The safety checker of a model's folder, where it has one: its scores have no length to be relative to."""
    if not os.path.isdir(f"{folder}/safety_checker"):
        return True
    checker = StableDiffusionSafetyChecker.from_pretrained(f"{folder}/safety_checker", torch_dtype=torch.float32)
    extractor = CLIPImageProcessor.from_pretrained(f"{folder}/feature_extractor")
    scores = safety_scores(checker.eval(), extractor, Image.fromarray(theirs["image"].numpy()))
    errors = {name: (ours[f"safety.{name}"] - value).abs().max().item() for name, value in scores.items()}
    for name, error in errors.items():
        print(f"{'safety.' + name:28s} {error:.1e}{'' if error <= 1e-3 else '   FAILED'}")
    return all(error <= 1e-3 for error in errors.values())


@contextlib.contextmanager
def with_safety_checker(model, source):
    """A folder with the model's parts and the safety checker of another."""
    with tempfile.TemporaryDirectory() as folder:
        for start, names in ((model, os.listdir(model)), (source, ("safety_checker", "feature_extractor"))):
            for name in names:
                os.symlink(os.path.join(start, name), f"{folder}/{name}")
        yield folder


def compare_run(a, model, sampler):
    """Runs both programs with the arguments `a`; whether all stages are within their limits."""
    factor = 8
    if os.path.isdir(model):
        with open(f"{model}/vae/config.json") as f:
            factor = 2 ** (len(json.load(f)["block_out_channels"]) - 1)
    photo = ImageOps.exif_transpose(Image.open(a.photo)).convert("RGB")
    photo = ImageOps.contain(photo, (a.size, a.size), Image.Resampling.LANCZOS)  # enlarges small ones, too
    width, height = (max(factor, side // factor * factor) for side in photo.size)
    image = photo.resize((width, height), Image.Resampling.LANCZOS)
    added = [os.path.basename(name) for name in a.lora + a.embedding + ([a.vae] if a.vae else [])]
    print(f"{model}, {sampler or 'its own sampler'}, {width}x{height}, {a.steps} steps", *added, sep=", ", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/pixels", "wb") as f:
            f.write(image.tobytes())
        run = dict(
            model=model,
            tokenizer=f"{ROOT}/Models/cartoonizer-mini/tokenizer",
            pixels=f"{folder}/pixels",
            width=width,
            height=height,
            instruction=a.instruction,
            negative=a.negative,
            steps=a.steps,
            guidance=a.guidance,
            imageGuidance=a.image_guidance,
            seed=a.seed,
            sampler=sampler,
            threads=a.threads,
            loras=[dict(file=name.partition(":")[0], strength=float(name.partition(":")[2] or 1)) for name in a.lora],
            embeddings=a.embedding,
            vae=a.vae,
            output=f"{folder}/stages.safetensors",
        )
        with open(f"{folder}/run.json", "w") as f:
            json.dump(run, f)
        subprocess.run([a.binary, f"{folder}/run.json"], check=True)
        ours = load_file(run["output"])
    pipe = load(model)
    add(pipe, a)
    theirs = reference_stages(
        pipe, image, a.instruction, a.negative, a.steps, a.guidance, a.image_guidance, a.seed, sampler
    )
    return compare(ours, theirs, a.tolerance) and compare_safety(ours, theirs, model)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", nargs="?")
    p.add_argument("photo", nargs="?", default=f"{ROOT}/Tests/suites/smoke/photos/astronaut.jpg")
    p.add_argument("--binary", default=f"{ROOT}/.build/release/parity-dump")
    p.add_argument("--size", type=int, default=256, help="of the longer side, about")
    p.add_argument("--instruction", default="Cartoonize the following image")
    p.add_argument("--negative", default="")
    p.add_argument("--steps", type=int, default=4)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--guidance", type=float, default=7.5)
    p.add_argument("--image-guidance", type=float, default=1.5)
    p.add_argument("--sampler", nargs="*", help="diffusers' class names")
    p.add_argument("--lora", nargs="*", default=[], help="files, each perhaps with :STRENGTH")
    p.add_argument("--embedding", nargs="*", default=[])
    p.add_argument("--vae", help="a folder")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--tolerance", type=float, default=2e-4)
    a = p.parse_args()
    runs = [(a.model, sampler) for sampler in a.sampler or [None]]
    if not a.model:
        tiny = f"{ROOT}/Tests/StableDiffusionTests/Fixtures/tiny-sd"
        runs = [(f"{ROOT}/Models/cartoonizer-mini", None)] + [(tiny, sampler) for sampler in a.sampler or SAMPLERS]
    failed = [run for run in runs if not compare_run(a, *run)]
    count = len(runs)
    if not a.model and not a.sampler:
        fixtures = f"{ROOT}/Tests/StableDiffusionTests/Fixtures"
        # Of kohya's spelling one of the UNet alone: diffusers 0.42 ignores some of the text encoder's.
        loras = [f"{fixtures}/{name}.safetensors" for name in ("lora/diffusers", "lora/peft", "additions/lcm")]
        additions = [dict(lora=[f"{file}:0.75"]) for file in loras]
        additions += [
            dict(lora=[f"{loras[1]}:0.5", f"{loras[2]}:-0.25"]),
            dict(
                embedding=[
                    f"{fixtures}/additions/{name}" for name in ("webui.pt", "diffusers.bin", "paper.safetensors")
                ],
                instruction="a photo in ink-style, of <toy-cat>.",
                negative="<paper> blurry <paper>,ink-styles",
            ),
            dict(vae=f"{fixtures}/additions/vae"),
        ]
        for addition in additions:
            run = argparse.Namespace(**(vars(a) | addition))
            if not compare_run(run, tiny, None):
                failed.append(addition)
        with with_safety_checker(tiny, f"{fixtures}/safety") as folder:
            if not compare_run(a, folder, None):
                failed.append("safety checker")
        count += len(additions) + 1
    if failed:
        sys.exit(f"NOT equal to diffusers: {failed}")
    print(f"equal to diffusers: {count} runs")


if __name__ == "__main__":
    main()
