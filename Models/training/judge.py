"""The judge of shortcuts: python judge.py PAIRS MODEL OUT [--minutes 45] [--threads 1]. Goes on where it stopped.

The embedded model makes its image in one step, and a stand-in with random weights makes noise: neither says what it
costs to leave out parts of a run of twenty steps. The judge is a small model of the family that needs its steps:
v-prediction from pure noise, text and photo dropped at times, so that both guidance scales matter. Autoencoder,
tokenizer and text encoder are frozen, MODEL's. OUT becomes a model folder when the time is up. It is measured with
(Tests/suites/bench/shortcuts.py) and never shipped.
"""

import argparse
import json
import pathlib
import shutil

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from common import SCHEDULE, Run
from fused import fuse
from instructions import understood
from train import Pairs, images, tokenize

CROP, BATCH = 128, 6  # pixels
DROPPED = 0.08  # how often text, photo, and both are left out, each


def unet():
    return UNet2DConditionModel(
        in_channels=16,
        out_channels=8,
        block_out_channels=(48, 96, 128),
        layers_per_block=2,
        norm_num_groups=16,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        mid_block_type="UNetMidBlock2DCrossAttn",
        cross_attention_dim=64,
        attention_head_dim=4,
    )


def batch(data, rng):
    """Photos, drawings and words of plain styles and single attributes."""
    photos, drawn, words, _ = zip(*(data.sample(rng, CROP) for _ in range(BATCH)), strict=True)
    return images(photos), images(drawn), list(words)


def train(a):
    torch.set_num_threads(a.threads)
    torch.manual_seed(3)
    last = torch.channels_last
    vae = AutoencoderKL.from_pretrained(a.model / "vae").float().to(memory_format=last).requires_grad_(False)
    text = CLIPTextModel.from_pretrained(a.model / "text_encoder").float().requires_grad_(False)
    tokenizer = CLIPTokenizer.from_pretrained(a.model / "tokenizer")
    network = fuse(unet().to(memory_format=last))
    run = Run(a.out, list(network.parameters()), a.minutes, 8e-4)
    rng, data = np.random.default_rng(run.step), Pairs(a.pairs)
    noising = DDPMScheduler(prediction_type="v_prediction", **SCHEDULE)
    scale = vae.config.scaling_factor
    while True:
        photo, wanted, words = batch(data, rng)
        r = torch.from_numpy(rng.random(BATCH).astype(np.float32))
        words = [w if p >= 2 * DROPPED else "" for w, p in zip(words, r, strict=True)]
        with_photo = ((r < DROPPED) | (r >= 3 * DROPPED)).float()[:, None, None, None]
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                image = vae.encode(photo).latent_dist.mean.float() * with_photo
                clean = vae.encode(wanted).latent_dist.mean.float() * scale
                hidden = text(tokenize(tokenizer, words)).last_hidden_state
            noise, t = torch.randn_like(clean), torch.from_numpy(rng.integers(0, 1000, BATCH))
            x = torch.cat([noising.add_noise(clean, noise, t), image], 1).contiguous(memory_format=last)
            predicted = network(x, t, encoder_hidden_states=hidden).sample.float()
        loss = F.mse_loss(predicted, noising.get_velocity(clean, noise, t))
        if run.descend(loss, {"loss": loss.item()}):
            break
    run.averaged()
    return network


def export(network, a):
    """A model folder: the parts that were frozen, the UNet in float16, and what to run it with."""
    for part in ("vae", "text_encoder", "tokenizer"):
        shutil.copytree(a.model / part, a.out / part, dirs_exist_ok=True)
    network.half().save_pretrained(a.out / "unet")
    index = json.loads((a.model / "model_index.json").read_text())
    scheduler = json.loads((a.model / "scheduler/scheduler_config.json").read_text())
    (a.out / "scheduler").mkdir(exist_ok=True)
    scheduler["prediction_type"] = "v_prediction"
    settings = {
        "instruction": "Cartoonize the following image",
        "steps": 20,
        "guidance_scale": 4.0,
        "image_guidance_scale": 1.5,
        "native_size": 256,
        "understands": {"summary": "the embedded model's words", "words": understood()},
    }
    for name, value in (
        ("model_index.json", index),
        ("scheduler/scheduler_config.json", scheduler),
        ("cartoonize.json", settings),
    ):
        (a.out / name).write_text(json.dumps(value, indent=2) + "\n")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("pairs", type=pathlib.Path)
    p.add_argument("model", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--minutes", type=float, default=45)
    p.add_argument("--threads", type=int, default=1)
    a = p.parse_args()
    export(train(a), a)


if __name__ == "__main__":
    main()
