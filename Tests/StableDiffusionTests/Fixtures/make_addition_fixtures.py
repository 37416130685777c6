"""Make what is added to the model tiny-sd in additions/, and what diffusers computes with it.

    python make_addition_fixtures.py

Needs the packages of Tests/suites/parity/requirements.txt. Textual inversions in three forms, read by
`load_textual_inversion`; a LoRA of the form of LCM-LoRA, run with LCMScheduler; an autoencoder of another seed and
scale.
"""

import json
import os
import sys

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image
from safetensors.torch import save_file

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../suites/parity"))
from parity import distance, load, reference_stages, token_ids

HERE = os.path.dirname(os.path.abspath(__file__))
MODEL, FOLDER = f"{HERE}/tiny-sd", f"{HERE}/additions"
# diffusers gives a word of several vectors only its first where it is not in lower case.
TEXTS = ["a photo in ink-style, of <TOY-cat>.", "<paper> blurry <paper>,ink-styles", "no such word"]


def embeddings():
    pipe, g = load(MODEL), torch.Generator().manual_seed(6)
    table = pipe.text_encoder.get_input_embeddings().weight

    def vectors(n):
        return torch.randn(n, table.shape[1], generator=g) * table.std() * 2

    webui = {
        "string_to_token": {"*": torch.tensor(265)},
        "string_to_param": {"*": vectors(2).requires_grad_()},
        "name": "ink-style",
        "step": 100,
        "sd_checkpoint": None,
        "sd_checkpoint_name": None,
    }
    torch.save(webui, f"{FOLDER}/webui.pt")
    torch.save({"<toy-cat>": vectors(1)[0]}, f"{FOLDER}/diffusers.bin")
    save_file({"<paper>": vectors(3)}, f"{FOLDER}/paper.safetensors")
    for name in ("webui.pt", "diffusers.bin", "paper.safetensors"):
        pipe.load_textual_inversion(FOLDER, weight_name=name)
    texts = pipe.maybe_convert_prompt(TEXTS, pipe.tokenizer)
    ids = token_ids(pipe.tokenizer, *texts)
    return {"embeddings.ids": ids.int(), "embeddings.text": pipe.text_encoder(ids)[0]}


def photo():
    y, x = np.mgrid[0:64, 0:64]
    return Image.fromarray(np.stack([x * 4, y * 4, (x ^ y) * 4], 2).clip(0, 255).astype(np.uint8))


def run(pipe):
    return reference_stages(pipe, photo(), "Turn it into a sketch", "", 4, 1.5, 1.2, 3, "LCMScheduler")


def lcm():
    pipe, g, state = load(MODEL), torch.Generator().manual_seed(7), {}
    for name, module in pipe.unet.named_modules():
        if not isinstance(module, (torch.nn.Linear, torch.nn.Conv2d)) or "blocks" not in name:
            continue
        weight, rank = module.weight, 2
        down = torch.randn(rank, *weight.shape[1:], generator=g)
        up = torch.randn(weight.shape[0], rank, *(1 for _ in weight.shape[2:]), generator=g)
        up *= 0.2 * weight.norm() / (up.flatten(1) @ down.flatten(1)).norm()
        flat = "lora_unet_" + name.replace(".", "_")
        state |= {
            f"{flat}.lora_down.weight": down.half(),
            f"{flat}.lora_up.weight": up.half(),
            f"{flat}.alpha": torch.tensor(float(rank)),
        }
    save_file(state, f"{FOLDER}/lcm.safetensors")
    plain = run(pipe)
    pipe.load_lora_weights(FOLDER, weight_name="lcm.safetensors")
    pipe.fuse_lora()
    pipe.unload_lora_weights()
    stages = run(pipe)
    print("  the LoRA moves the latents by", distance(stages["latents.3"], plain["latents.3"]))
    assert distance(stages["latents.3"], plain["latents.3"]) > 0.02
    return {f"lcm.{name}": stages[name] for name in ("latents.0", "latents.3", "output")}


def vae():
    torch.manual_seed(8)
    model = AutoencoderKL.from_pretrained(f"{MODEL}/vae", torch_dtype=torch.float32)
    for p in model.parameters():
        p.copy_((p * (1 + 0.2 * torch.randn_like(p))).half().float())
    model.register_to_config(scaling_factor=0.5)
    os.makedirs(f"{FOLDER}/vae", exist_ok=True)
    config = {k: v for k, v in model.config.items() if k not in ("_name_or_path", "_use_default_values")}
    with open(f"{FOLDER}/vae/config.json", "w") as file:
        json.dump({"_class_name": "AutoencoderKL"} | config, file, indent=2)
    save_file({k: v.half() for k, v in model.state_dict().items()}, f"{FOLDER}/vae/diffusion_pytorch_model.safetensors")
    pipe = load(MODEL)
    pipe.vae = model
    stages = run(pipe)
    return {f"vae.{name}": stages[name] for name in ("image_latents", "output")}


@torch.no_grad()
def main():
    os.makedirs(FOLDER, exist_ok=True)
    golden = embeddings() | lcm() | vae()
    golden["photo"] = torch.from_numpy(np.array(photo())).float()
    save_file({k: v.float().contiguous() for k, v in golden.items()}, f"{FOLDER}/golden.safetensors")


if __name__ == "__main__":
    main()
