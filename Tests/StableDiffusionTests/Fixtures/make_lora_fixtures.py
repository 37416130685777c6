"""Make the LoRAs in lora/ for the model tiny-sd and what diffusers' UNet and text encoder compute with them merged.

    python make_lora_fixtures.py

Needs the packages of Tests/suites/parity/requirements.txt. One LoRA is written in each spelling: the reference loads it
with `load_lora_weights` and merges it with `fuse_lora`; LoCon's three matrices, which diffusers does not read, are
merged by torch.einsum.
"""

import os
import sys

import torch
from safetensors.torch import save_file

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../suites/parity"))
from parity import distance, load, token_ids

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = f"{HERE}/lora"
RANK, ALPHA, STRENGTH = 3, 2.0, 0.75
UNET = [
    "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q",
    "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k",
    "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_out.0",
    "down_blocks.0.attentions.0.transformer_blocks.0.ff.net.0.proj",
    "mid_block.attentions.0.proj_in",
]
CONVOLUTIONS = ["down_blocks.0.resnets.0.conv1", "up_blocks.1.resnets.0.conv2"]
TEXT = ["text_model.encoder.layers.0.self_attn.q_proj", "text_model.encoder.layers.1.mlp.fc1"]


def module(model, name):
    try:
        return model.get_submodule(name)
    except AttributeError:  # transformers 5 has no text_model
        return model.get_submodule(name.removeprefix("text_model."))


def matrices(weight, g):
    """Down and up, so large that they change the layer as much as its own weight does."""
    down = torch.randn(RANK, *weight.shape[1:], generator=g)
    up = torch.randn(weight.shape[0], RANK, *(1 for _ in weight.shape[2:]), generator=g)
    return down, up * (0.5 * weight.norm() / (up.flatten(1) @ down.flatten(1)).norm())


def merge_ignored(pipe, plain, layers):
    """diffusers 0.42 turns kohya's `q_proj` of the text encoder into `to_q_lora`, which it then warns of and ignores:
    what was ignored is merged here, as the layer is defined."""
    for (part, name), (down, up) in layers.items():
        weight, before = (module(getattr(p, part), name).weight for p in (pipe, plain))
        if torch.equal(weight, before):
            assert part == "text_encoder" and name.endswith("q_proj"), name
            weight += STRENGTH * ALPHA / RANK * (up @ down)


def outputs(pipe):
    g = torch.Generator().manual_seed(5)
    sample = torch.randn(1, 8, 16, 16, generator=g)
    words = pipe.text_encoder(token_ids(pipe.tokenizer, "Turn it into a sketch"))[0]
    return {"samples": sample, "text": words, "output": pipe.unet(sample, 33.25, encoder_hidden_states=words).sample}


@torch.no_grad()
def main():
    os.makedirs(FOLDER, exist_ok=True)
    plain = load(f"{HERE}/tiny-sd")
    base, g = outputs(plain), torch.Generator().manual_seed(4)
    layers = {("unet", n): matrices(module(plain.unet, n).weight, g) for n in UNET + CONVOLUTIONS}
    layers |= {("text_encoder", n): matrices(module(plain.text_encoder, n).weight, g) for n in TEXT}
    kohya, diffusers, peft = {}, {}, {}
    for (part, name), (down, up) in layers.items():
        flat = {"unet": "lora_unet_", "text_encoder": "lora_te_"}[part] + name.replace(".", "_")
        kohya |= {f"{flat}.lora_down.weight": down, f"{flat}.lora_up.weight": up, f"{flat}.alpha": torch.tensor(ALPHA)}
        # Without alpha, which is then the rank.
        if part == "unet":
            diffusers |= {f"unet.{name}.lora.down.weight": down, f"unet.{name}.lora.up.weight": up}
        else:
            diffusers |= {
                f"{part}.{name}.lora_linear_layer.down.weight": down,
                f"{part}.{name}.lora_linear_layer.up.weight": up,
            }
        peft |= {f"{part}.{name}.lora_A.weight": down, f"{part}.{name}.lora_B.weight": up}
    golden = {k: base[k] for k in ("samples",)}
    for spelling, state in {"kohya": kohya, "diffusers": diffusers, "peft": peft}.items():
        state = {k: v.contiguous() for k, v in state.items()}
        save_file(state, f"{FOLDER}/{spelling}.safetensors")
        pipe = load(f"{HERE}/tiny-sd")
        pipe.load_lora_weights(FOLDER, weight_name=f"{spelling}.safetensors")
        pipe.fuse_lora(lora_scale=STRENGTH)
        pipe.unload_lora_weights()
        if spelling == "kohya":
            merge_ignored(pipe, plain, layers)
        values = outputs(pipe)
        for key in ("text", "output"):
            moved = distance(values[key], base[key])
            print(f"  {spelling} moves {key} by {moved:.2f}")
            assert moved > 0.02
            golden[f"{spelling}.{key}"] = values[key]
    # LoCon: up [out, r], mid [r, r, 3, 3], down [r, in].
    state, pipe = {}, load(f"{HERE}/tiny-sd")
    for name in CONVOLUTIONS:
        weight = module(pipe.unet, name).weight
        down = torch.randn(RANK, weight.shape[1], 1, 1, generator=g)
        middle = torch.randn(RANK, RANK, 3, 3, generator=g)
        up = torch.randn(weight.shape[0], RANK, 1, 1, generator=g) * 0.1
        weight += STRENGTH * ALPHA / RANK * torch.einsum("mnkl,om,ni->oikl", middle, up[:, :, 0, 0], down[:, :, 0, 0])
        flat = "lora_unet_" + name.replace(".", "_")
        state |= {
            f"{flat}.lora_down.weight": down,
            f"{flat}.lora_mid.weight": middle,
            f"{flat}.lora_up.weight": up,
            f"{flat}.alpha": torch.tensor(ALPHA),
        }
    save_file(state, f"{FOLDER}/locon.safetensors")
    values = outputs(pipe)
    assert distance(values["output"], base["output"]) > 0.02
    golden |= {f"locon.{key}": values[key] for key in ("text", "output")}
    save_file({k: v.contiguous() for k, v in golden.items()}, f"{FOLDER}/golden.safetensors")


if __name__ == "__main__":
    main()
