"""Make a tiny safety checker with random weights in safety/, and what diffusers computes with it for two images.

    python make_safety_fixtures.py

Needs the packages of Tests/suites/parity/requirements.txt. The thresholds lie so that the first image is flagged, the
second not.
"""

import os
import shutil
import sys

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPImageProcessor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../suites/parity"))
from parity import safety_scores

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "safety")


def half(p):
    p.copy_(p.half().float())


def image(width, height, channels):
    y, x = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.stack(channels(x, y), 2).clip(0, 255).astype(np.uint8))


@torch.no_grad()
def main():
    torch.manual_seed(9)
    vision = dict(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, image_size=24, patch_size=6
    )
    text = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=1, intermediate_size=16)
    checker = StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision, text_config=text, projection_dim=16)).eval()
    for name, p in checker.named_parameters():
        if p.dim() == 1:
            p.add_(torch.randn_like(p) * 0.2)
        elif "concept" not in name and "care" not in name:
            p.mul_(1.5 if "layers" in name else 4)
    for p in (checker.concept_embeds, checker.special_care_embeds):
        p.copy_(torch.randn_like(p))
    for p in checker.parameters():
        half(p)
    extractor = CLIPImageProcessor(size={"shortest_edge": 24}, crop_size={"height": 24, "width": 24})
    # One is made smaller, the other larger; of both something is cut off.
    images = [
        image(57, 40, lambda x, y: [x * 4, y * 6, (x * y) % 251]),
        image(18, 33, lambda x, y: [(x // 4 + y // 4) % 2 * 220, 255 - x * 9, y * 5 + 20]),
    ]
    first, second = (safety_scores(checker, extractor, i, thresholds=False) for i in images)
    # The first concept, and the first of special care, tell the images apart; the others are far from both.
    for name, weights in (
        ("concepts", checker.concept_embeds_weights),
        ("special", checker.special_care_embeds_weights),
    ):
        weights.copy_(torch.maximum(first[name], second[name]) + 0.1)
        i = (first[name] - second[name]).argmax()
        weights[i] = (first[name][i] + second[name][i]) / 2
        half(weights)
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(f"{FOLDER}/safety_checker")
    os.makedirs(f"{FOLDER}/feature_extractor")
    checker.config.save_pretrained(f"{FOLDER}/safety_checker")
    extractor.save_pretrained(f"{FOLDER}/feature_extractor")
    # As published: under transformers 4 there is one more vision_model.
    state = {
        ("vision_model." + k if k.startswith("vision_model.") else k): v.half().contiguous()
        for k, v in checker.state_dict().items()
    }
    save_file(state, f"{FOLDER}/safety_checker/model.safetensors")
    golden = {}
    for number, picture in enumerate(images):
        golden[f"{number}.image"] = torch.from_numpy(np.array(picture)).float()
        golden[f"{number}.pixels"] = extractor(picture, return_tensors="pt").pixel_values[0]
        scores = safety_scores(checker, extractor, picture)
        golden |= {f"{number}.{name}": scores[name] for name in ("concepts", "special")}
        flagged = checker(clip_input=extractor(picture, return_tensors="pt").pixel_values, images=[np.array(picture)])[
            1
        ]
        assert flagged == [number == 0], flagged
        assert min(abs(scores["concepts"]).min(), abs(scores["special"]).min()) > 0.005, scores
    save_file({k: v.contiguous() for k, v in golden.items()}, f"{FOLDER}/golden.safetensors")


if __name__ == "__main__":
    main()
