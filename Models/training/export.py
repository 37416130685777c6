"""Stage 3, one folder in diffusers' layout: python export.py TRAINED OUT [--steps 1]. Weights in float16."""

import argparse
import json
import pathlib
import shutil

from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel

from common import SCHEDULE
from instructions import SUMMARY, understood

TOKENIZER = pathlib.Path(__file__).resolve().parents[1] / "cartoonizer-mini/tokenizer"

FILES = {
    "scheduler/scheduler_config.json": dict(
        _class_name="DDIMScheduler",
        num_train_timesteps=1000,
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=0,
        prediction_type="sample",
        timestep_spacing="trailing",
        **SCHEDULE,
    ),
    "model_index.json": {
        "_class_name": "StableDiffusionInstructPix2PixPipeline",
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "feature_extractor": [None, None],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    },
}


def main():
    p = argparse.ArgumentParser(description=__doc__)
    for n in ("trained", "out"):
        p.add_argument(n, type=pathlib.Path)
    p.add_argument("--steps", type=int, default=1)
    a = p.parse_args()
    vae = AutoencoderKL.from_pretrained(a.trained / "vae")
    vae.half().save_pretrained(a.out / "vae")
    UNet2DConditionModel.from_pretrained(a.trained / "unet").half().save_pretrained(a.out / "unet")
    CLIPTextModel.from_pretrained(a.trained / "text_encoder").half().save_pretrained(a.out / "text_encoder")
    if (a.out / "tokenizer").resolve() != TOKENIZER:
        shutil.copytree(TOKENIZER, a.out / "tokenizer", dirs_exist_ok=True)
    FILES["cartoonize.json"] = {
        "instruction": "Cartoonize the following image",
        "steps": a.steps,
        "guidance_scale": 1.0,
        "image_guidance_scale": 1.0,
        "native_size": 512,
        "max_pixels": 2 << 20,
        "understands": {"summary": SUMMARY, "words": understood()},
    }
    for part in ("vae", "unet"):  # where the weights lay before is nobody's business
        config = json.loads((a.out / part / "config.json").read_text())
        config.pop("_name_or_path", None)
        FILES[f"{part}/config.json"] = config
    for name, value in FILES.items():
        (a.out / name).parent.mkdir(exist_ok=True)
        (a.out / name).write_text(json.dumps(value, indent=2) + "\n")


if __name__ == "__main__":
    main()
