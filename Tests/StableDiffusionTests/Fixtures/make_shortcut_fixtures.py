"""Make shortcuts/golden.safetensors: what diffusers computes for tiny models when evaluations are shortened.

    python make_shortcut_fixtures.py

DeepCache is the package of its authors (Ma et al. 2024). The guidance interval (Kynkäänniemi et al. 2024) and guidance
that is added again have no reference: the pipeline makes all its predictions here, and they are replaced by those that
make it combine what is wanted. Needs the packages of Tests/suites/parity/requirements.txt and DeepCache==0.1.1.
"""

import os
import sys

import numpy as np
import torch
from DeepCache import DeepCacheSDHelper
from safetensors.torch import save_file

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../suites/parity"))
from make_model_fixtures import INSTRUCTION, photo

from parity import load, reference_stages

HERE = os.path.dirname(os.path.abspath(__file__))
STEPS = 7
# The evaluations that are guided, every how many guidance is worked out, every how many the whole UNet runs.
CASES = {"deep": (0, 1, 1, 3), "interval": (0.3, 0.75, 2, 1), "reuse": (0, 1, 3, 1), "both": (0, 1, 3, 3)}


class Replaced:
    """Predictions (text and image; image; neither) that the pipeline combines to what a shortened run has."""

    def __init__(self, first, last, period):
        self.first, self.last, self.period = round(first * STEPS), round(last * STEPS), period
        self.index, self.differences = 0, None

    def __call__(self, module, args, output):
        full, image, neither = output[0].chunk(3)
        index, self.index = self.index, self.index + 1
        if not self.first <= index < self.last:
            return (torch.cat([full, full, full]),)
        if (index - self.first) % self.period == 0:
            self.differences = full - image, image - neither
        image = full - self.differences[0]
        return (torch.cat([full, image, image - self.differences[1]]),)


@torch.no_grad()
def main():
    golden = {}
    for number, model in enumerate(("tiny-sd", "tiny-v")):
        image = photo(48, 40, seed=number)
        golden[f"{model}.photo"] = torch.from_numpy(np.array(image))
        pipe = load(f"{HERE}/{model}")
        for name, (first, last, period, inner) in CASES.items():
            helper = DeepCacheSDHelper(pipe=pipe)
            helper.set_params(cache_interval=inner, cache_branch_id=0)
            if inner > 1:
                helper.enable()
            hook = pipe.unet.register_forward_hook(Replaced(first, last, period))
            stages = reference_stages(pipe, image, INSTRUCTION, "", STEPS, 2.5, 1.5, 11)
            hook.remove()
            if inner > 1:
                helper.disable()
            for step in range(STEPS):
                golden[f"{model}.{name}.{step}"] = stages[f"latents.{step}"]
    os.makedirs(f"{HERE}/shortcuts", exist_ok=True)
    save_file({k: v.contiguous() for k, v in golden.items()}, f"{HERE}/shortcuts/golden.safetensors")


if __name__ == "__main__":
    main()
