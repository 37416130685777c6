"""Makes the pictures in expected/ with diffusers: what the program must give for the photos in photos/.

usage: make_expected.py [MODEL_FOLDER]    (needs torch, diffusers, transformers and pillow)
"""

import json
import sys
from pathlib import Path

import torch
from diffusers import StableDiffusionInstructPix2PixPipeline
from PIL import Image

HERE = Path(__file__).resolve().parent
SEED = 1


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else HERE.parents[2] / "Models" / "cartoonizer-mini")
    defaults = json.loads((folder / "cartoonize.json").read_text())
    pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained(
        folder, torch_dtype=torch.float32, safety_checker=None
    )
    factor = pipeline.vae_scale_factor
    (HERE / "expected").mkdir(exist_ok=True)
    for photo in sorted((HERE / "photos").glob("*.jpg")):
        image = Image.open(photo).convert("RGB")
        working = tuple(side // factor * factor for side in image.size)
        result = pipeline(
            defaults["instruction"],
            image=image.resize(working, Image.Resampling.LANCZOS),
            num_inference_steps=defaults["steps"],
            guidance_scale=defaults["guidance_scale"],
            image_guidance_scale=defaults["image_guidance_scale"],
            generator=torch.Generator("cpu").manual_seed(SEED),
        ).images[0]
        result.resize(image.size, Image.Resampling.LANCZOS).save(HERE / "expected" / f"{photo.stem}.png", optimize=True)


if __name__ == "__main__":
    main()
