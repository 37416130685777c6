"""Write a stand-in for instruction-tuning-sd/cartoonizer: the real configuration and key names, random weights.

Freshly initialised weights hide faults (norms are 1 and 0, the text hardly matters, the picture is grey), so `liven`
gives every norm and bias a real value, makes text and image each change the prediction by a fifth or more, and gives
the decoded picture contrast.

    python stand_in.py DIR [--format safetensors|bin] [--dtype float16|float32] [--seed 0]

--format bin spells the keys as the published files do (VAE mid-block attention query/key/value/proj_attn, text
encoder with the prefix text_model. and an int64 position_ids buffer) and saves with torch.save.
The tokenizer is copied from the embedded model: both use CLIP's.
"""

import argparse
import json
import os
import pathlib
import re
import shutil

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

UNET = dict(
    sample_size=64,
    in_channels=8,
    out_channels=4,
    layers_per_block=2,
    block_out_channels=(320, 640, 1280, 1280),
    down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    cross_attention_dim=768,
    attention_head_dim=8,
)
VAE = dict(
    in_channels=3,
    out_channels=3,
    down_block_types=("DownEncoderBlock2D",) * 4,
    up_block_types=("UpDecoderBlock2D",) * 4,
    block_out_channels=(128, 256, 512, 512),
    layers_per_block=2,
    latent_channels=4,
    sample_size=512,
)
TEXT = dict(
    vocab_size=49408,
    hidden_size=768,
    intermediate_size=3072,
    num_hidden_layers=12,
    num_attention_heads=12,
    max_position_embeddings=77,
    hidden_act="quick_gelu",
    projection_dim=768,
    bos_token_id=49406,
    eos_token_id=49407,
)
SCHEDULER = dict(
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
INDEX = {
    "_class_name": "StableDiffusionInstructPix2PixPipeline",
    "_diffusers_version": "0.15.0.dev0",
    "requires_safety_checker": False,
    "scheduler": ["diffusers", "EulerAncestralDiscreteScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}


@torch.no_grad()
def liven(unet, vae, text, seed=0):
    g = torch.Generator().manual_seed(seed)

    def rand(*shape):
        return torch.randn(*shape, generator=g)

    for model in (unet, vae, text):
        for _, p in model.named_parameters():
            if p.dim() == 1:
                p.add_(rand(*p.shape) * 0.1)
    c, h = unet.config.in_channels, max(8, 2 ** len(unet.config.block_out_channels))
    ids = torch.full((2, 77), 49407)
    ids[:, 0] = 49406
    ids[0, 1:7] = torch.tensor([5487, 4385, 1298, 518, 3473, 2867])
    words = text(ids).last_hidden_state
    x = rand(1, c, h, h)
    blank = x.clone()
    blank[:, c // 2 :] = 0

    def run(sample, w):
        return unet(sample, 500, encoder_hidden_states=w[None]).sample

    cross = [m.to_out[0].weight for n, m in unet.named_modules() if n.endswith("attn2")]
    for _ in range(24):
        base = run(x, words[0])
        if (base - run(x, words[1])).norm() > 0.25 * base.norm():
            break
        for w in cross:
            w.mul_(1.35)
    for _ in range(24):
        base = run(x, words[1])
        if (base - run(blank, words[1])).norm() > 0.25 * base.norm():
            break
        unet.conv_in.weight[:, c // 2 :].mul_(1.35)
    unet.conv_out.weight.div_(run(x, words[0]).std())
    vae.decoder.conv_out.weight.mul_(0.5 / vae.decode(rand(1, vae.config.latent_channels, 16, 16)).sample.std())


def old_vae_names(state):
    for new, old in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
        state = {
            re.sub(rf"(mid_block\.attentions\.0\.){re.escape(new)}\.", rf"\g<1>{old}.", k): v for k, v in state.items()
        }
    return state


def write_json(path, value):
    with open(path, "w") as file:
        json.dump(value, file, indent=2)


def write(folder, model, state, name, fmt):
    os.makedirs(folder, exist_ok=True)
    model.save_config(folder) if hasattr(model, "save_config") else model.config.save_pretrained(folder)
    if fmt == "bin":
        torch.save(state, f"{folder}/{name[1]}")
    else:
        save_file(
            {k: v.contiguous() for k, v in state.items() if v.is_floating_point()},
            f"{folder}/{name[0]}",
            metadata={"format": "pt"},
        )


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("dir")
    p.add_argument("--format", default="safetensors", choices=["safetensors", "bin"])
    p.add_argument("--dtype", default="float16", choices=["float16", "float32"])
    p.add_argument("--seed", type=int, default=0)
    a = p.parse_args()
    dtype = getattr(torch, a.dtype)
    torch.manual_seed(a.seed)
    diffusion = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
    unet, vae, text = UNet2DConditionModel(**UNET), AutoencoderKL(**VAE), CLIPTextModel(CLIPTextConfig(**TEXT))
    liven(unet, vae, text, a.seed)
    write(f"{a.dir}/unet", unet, {k: v.to(dtype) for k, v in unet.state_dict().items()}, diffusion, a.format)
    state = {k: v.to(dtype) for k, v in vae.state_dict().items()}
    write(f"{a.dir}/vae", vae, old_vae_names(state) if a.format == "bin" else state, diffusion, a.format)
    state = {
        (k if k.startswith("text_model.") else "text_model." + k): v.to(dtype)
        for k, v in text.state_dict().items()
        if v.is_floating_point()
    }
    state["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    write(f"{a.dir}/text_encoder", text, state, ("model.safetensors", "pytorch_model.bin"), a.format)
    os.makedirs(f"{a.dir}/scheduler", exist_ok=True)
    write_json(f"{a.dir}/scheduler/scheduler_config.json", SCHEDULER)
    tokenizer = pathlib.Path(__file__).resolve().parents[3] / "Models/cartoonizer-mini/tokenizer"
    shutil.copytree(tokenizer, f"{a.dir}/tokenizer", dirs_exist_ok=True)
    write_json(f"{a.dir}/model_index.json", INDEX)  # last: a folder with it is complete


if __name__ == "__main__":
    main()
