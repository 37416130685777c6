"""Make the tiny models beside this file and what diffusers computes with them, in float32 on the CPU.

    python make_model_fixtures.py

Needs the packages of Tests/suites/parity/requirements.txt. The models cover together every block type, head layout, key
spelling, weight format and prediction type that the program supports. Freshly initialised weights would hide faults
(norms are 1 and 0, the text hardly matters, an epsilon does not show), so `liven` and `shrink` make all of them count,
and `check_sensitivity` fails if a norm's epsilon, an activation or an input could be wrong unnoticed.
"""

import copy
import json
import os
import re
import shutil
import sys

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, UNet2DConditionModel
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../suites/parity"))
from parity import distance, load, reference_stages, token_ids

HERE = os.path.dirname(os.path.abspath(__file__))
TOKENIZER = f"{HERE}/../../../Models/cartoonizer-mini/tokenizer"
MERGES = 400
END = 512 + MERGES + 1  # the tiny vocabulary: bytes, bytes that end a word, merges, start and end of text

MODELS = {
    # Stable Diffusion's shape, names and formats as published files have them.
    "tiny-sd": dict(
        seed=106,
        dtype=torch.float16,
        old_names=True,
        max_length=77,
        pad="<|endoftext|>",
        drop={"vae": ["scaling_factor"]},
        unet=dict(
            in_channels=8,
            block_out_channels=(8, 16, 16, 24),
            layers_per_block=2,
            norm_num_groups=4,
            cross_attention_dim=24,
            attention_head_dim=4,
        ),
        vae=dict(block_out_channels=(8, 8, 16, 16), layers_per_block=1, norm_num_groups=4, levels=4),
        text=dict(
            hidden_size=24,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=3,
            max_position_embeddings=77,
            hidden_act="quick_gelu",
        ),
        scheduler=dict(
            _class_name="EulerAncestralDiscreteScheduler",
            beta_end=0.012,
            beta_schedule="scaled_linear",
            beta_start=0.00085,
            clip_sample=False,
            num_train_timesteps=1000,
            prediction_type="epsilon",
            set_alpha_to_one=False,
            skip_prk_steps=True,
            steps_offset=1,
            trained_betas=None,
        ),
        runs=[
            dict(name="euler-a", steps=3, seed=7, guidance=2.5, image_guidance=1.5, size=(56, 40)),
            dict(
                name="euler",
                sampler="EulerDiscreteScheduler",
                steps=3,
                seed=8,
                guidance=2.0,
                image_guidance=1.0,
                size=(56, 40),
                negative="a dark photo",
            ),
            dict(name="pndm", sampler="PNDMScheduler", steps=2, seed=9, guidance=3.0, image_guidance=2.0, size=(24, 8)),
            dict(
                name="ddim", sampler="DDIMScheduler", steps=2, seed=10, guidance=1.0, image_guidance=1.5, size=(16, 8)
            ),
        ],
    ),
    # Everything that a list or a switch can say, in another order, with the names of today's libraries.
    "tiny-v": dict(
        seed=109,
        dtype=torch.bfloat16,
        old_names=False,
        max_length=20,
        pad="!",
        drop={},
        unet=dict(
            in_channels=8,
            block_out_channels=(8, 16, 24),
            layers_per_block=[1, 2, 1],
            norm_num_groups=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            mid_block_type="UNetMidBlock2D",
            cross_attention_dim=16,
            attention_head_dim=[2, 4, 3],
            transformer_layers_per_block=[1, 2, 1],
            use_linear_projection=True,
            norm_eps=3e-4,
            freq_shift=1,
            flip_sin_to_cos=False,
            upcast_attention=True,
        ),
        vae=dict(
            block_out_channels=(8, 16),
            layers_per_block=2,
            norm_num_groups=2,
            levels=2,
            use_quant_conv=False,
            use_post_quant_conv=False,
            mid_block_add_attention=False,
            scaling_factor=0.6,
        ),
        text=dict(
            hidden_size=16,
            intermediate_size=40,
            num_hidden_layers=3,
            num_attention_heads=2,
            max_position_embeddings=24,
            hidden_act="gelu",
            layer_norm_eps=1e-4,
        ),
        scheduler=dict(
            _class_name="DDIMScheduler",
            beta_schedule="scaled_linear",
            prediction_type="v_prediction",
            timestep_spacing="trailing",
            rescale_betas_zero_snr=True,
            clip_sample=False,
            set_alpha_to_one=False,
        ),
        runs=[dict(name="ddim", steps=3, seed=11, guidance=2.5, image_guidance=1.25, size=(26, 22))],
    ),
    # A prediction of the clean latents, of three channels, without a middle; 72x104 pixels.
    "tiny-sample": dict(
        seed=102,
        dtype=torch.float32,
        old_names=False,
        max_length=16,
        pad="<|endoftext|>",
        drop={},
        unet=dict(
            in_channels=6,
            out_channels=3,
            block_out_channels=(8, 16),
            layers_per_block=1,
            norm_num_groups=2,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            mid_block_type=None,
            cross_attention_dim=[12, 12],
            attention_head_dim=[1, 2],
            downsample_padding=0,
            center_input_sample=True,
        ),
        vae=dict(
            block_out_channels=(4, 8, 8, 12),
            layers_per_block=1,
            norm_num_groups=4,
            levels=4,
            latent_channels=3,
            scaling_factor=0.8,
        ),
        text=dict(
            hidden_size=12,
            intermediate_size=24,
            num_hidden_layers=1,
            num_attention_heads=4,
            max_position_embeddings=16,
            hidden_act="quick_gelu",
        ),
        scheduler=dict(
            _class_name="DDIMScheduler",
            beta_schedule="linear",
            prediction_type="sample",
            timestep_spacing="trailing",
            clip_sample=False,
        ),
        runs=[
            dict(name="ddim", steps=2, seed=12, guidance=3.0, image_guidance=1.5, size=(104, 72)),
            dict(
                name="euler",
                sampler="EulerDiscreteScheduler",
                steps=2,
                seed=13,
                guidance=2.0,
                image_guidance=1.5,
                size=(56, 40),
            ),
        ],
    ),
}

PLAIN_UNET = dict(
    in_channels=8,
    block_out_channels=(4, 8),
    layers_per_block=1,
    norm_num_groups=2,
    down_block_types=("DownBlock2D",) * 2,
    up_block_types=("UpBlock2D",) * 2,
    mid_block_type="UNetMidBlock2D",
    cross_attention_dim=8,
    attention_head_dim=1,
)
UNETS = {
    # One that never reads the text: its branches differ by their images only.
    "tiny-plain-unet": (7, PLAIN_UNET),
    # One that reads it by way of the time embedding.
    "tiny-text-time-unet": (8, dict(PLAIN_UNET, addition_embed_type="text", addition_embed_type_num_heads=4)),
}

TARGET = 0.4  # of the prediction's norm, moved by the text and by the image
INSTRUCTION = "Turn it into a cartoon"


def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def write_json(path, value, indent=None):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=indent)


def photo(width, height, seed):
    """Gradients, an edge and noise: all frequencies and the whole range."""
    g = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    base = np.stack([x * 255 / width, y * 255 / height, 128 + 100 * np.sin(x / 5 + y / 9)], -1)
    base[(x - width / 2) ** 2 + (y - height / 2) ** 2 < (min(width, height) / 3) ** 2] = (250, 40, 90)
    return Image.fromarray(np.clip(base + g.normal(0, 20, base.shape), 0, 255).astype("uint8"))


@torch.no_grad()
def make_unet(folder, seed, architecture):
    """A UNet alone, and what it makes of two inputs with a text each."""
    torch.manual_seed(seed)
    shutil.rmtree(folder, ignore_errors=True)
    unet = UNet2DConditionModel(**architecture).eval()
    for p in unet.parameters():
        if p.dim() == 1:
            p.add_(torch.randn_like(p) * 0.1)
    write_part(folder, unet, unet.state_dict(), "diffusion_pytorch_model", [])
    sample, words = torch.randn(2, 8, 6, 5), torch.randn(2, 3, 8)
    save_file(
        {"samples": sample, "text": words, "output": unet(sample, 33.25, encoder_hidden_states=words).sample},
        f"{folder}/golden.safetensors",
    )


@torch.no_grad()
def shrink(unet, vae, text):
    """Small activations before the norms, so that their epsilons count, and gates where GELU's forms differ."""
    for model in (unet, vae):
        for name, p in model.named_parameters():
            if re.search(r"(^|\.)(conv1|conv2|time_emb_proj|conv_in)\.", name):
                p.mul_(0.02)
            if re.search(r"(conv_shortcut|samplers\.0\.conv|proj_out|attentions\.\d\.to_out\.0)\.bias", name):
                p.mul_(0.02)
            if re.search(r"transformer_blocks.*(to_out\.0|net\.2)\.|proj_in\.", name):
                p.mul_(0.03)
            if re.search(r"attentions\.\d\.to_out\.0\.", name):
                p.mul_(0.05)
            if "net.0.proj.bias" in name:
                p[p.shape[0] // 2 :].sub_(2.0)
            if "net.2.weight" in name:
                p.mul_(6)
    for name, p in text.named_parameters():
        if re.search(r"embedding", name):
            p.mul_(0.5)
        if re.search(r"out_proj|fc2", name):
            p.mul_(0.03)
        if re.search(r"fc1\.weight|q_proj\.weight|k_proj\.weight", name):
            p.mul_(6)


@torch.no_grad()
def liven(unet, vae, text, ids, seed):
    """Real norms and biases; text and image each move the prediction by a fifth or more."""
    g = torch.Generator().manual_seed(seed)

    def rand(*shape):
        return torch.randn(*shape, generator=g)

    for model in (unet, vae, text):
        for p in model.parameters():
            if p.dim() == 1:
                p.add_(rand(*p.shape) * 0.1)
    shrink(unet, vae, text)
    c, h = unet.config.in_channels, max(8, 2 ** len(unet.config.block_out_channels))
    words = text(ids).last_hidden_state
    x = rand(1, c, h, h)
    blank = x.clone()
    blank[:, c // 2 :] = 0

    def run(sample, w):
        return unet(sample, 500, encoder_hidden_states=w[None]).sample

    modules = dict(unet.named_modules())
    cross = [m.to_out[0].weight for n, m in modules.items() if n.endswith("attn2")]
    outputs = [m.weight for n, m in modules.items() if n.endswith("proj_out")]
    for _ in range(40):
        base = run(x, words[0])
        if distance(run(x, words[1]), base) > TARGET:
            break
        for w in cross:
            w.mul_(1.2)
        for w in outputs:
            w.mul_(1.05)
    for _ in range(40):
        base = run(x, words[1])
        if distance(run(blank, words[1]), base) > TARGET:
            break
        unet.conv_in.weight[:, : c // 2].div_(1.2)
    print(
        f"  liven: text {distance(run(x, words[1]), run(x, words[0])):.2f}, "
        f"image {distance(run(blank, words[1]), run(x, words[1])):.2f}"
    )
    unet.conv_out.weight.div_(run(x, words[0]).std())
    unet.conv_out.bias.mul_(0.1)
    vae.decoder.conv_out.weight.mul_(0.5 / vae.decode(rand(1, vae.config.latent_channels, 8, 8)).sample.std())
    quant = vae.quant_conv.weight if vae.config.use_quant_conv else vae.encoder.conv_out.weight
    quant.mul_(2 / vae.encode(rand(1, 3, 16, 16)).latent_dist.mode().std())


def old_names(state):
    for new, old in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
        state = {
            re.sub(rf"(mid_block\.attentions\.0\.){re.escape(new)}\.", rf"\g<1>{old}.", k): v for k, v in state.items()
        }
    return state


def write_part(folder, model, state, stem, drop):
    os.makedirs(folder)
    (model.save_config if hasattr(model, "save_config") else model.config.save_pretrained)(folder)
    config = {k: v for k, v in read_json(f"{folder}/config.json").items() if k not in drop}
    write_json(f"{folder}/config.json", config, indent=2)
    save_file({k: v.contiguous() for k, v in state.items()}, f"{folder}/{stem}.safetensors", {"format": "pt"})


def write_tokenizer(folder, max_length, pad):
    os.makedirs(folder)
    vocabulary = read_json(f"{TOKENIZER}/vocab.json")
    words = [*sorted(vocabulary, key=vocabulary.get)[: 512 + MERGES], "<|startoftext|>", "<|endoftext|>"]
    write_json(f"{folder}/vocab.json", {w: i for i, w in enumerate(words)})
    with open(f"{TOKENIZER}/merges.txt", encoding="utf-8") as file:
        lines = file.read().split("\n")[: MERGES + 1]
    with open(f"{folder}/merges.txt", "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    write_json(
        f"{folder}/tokenizer_config.json",
        {
            "tokenizer_class": "CLIPTokenizer",
            "model_max_length": max_length,
            "bos_token": "<|startoftext|>",
            "eos_token": "<|endoftext|>",
            "unk_token": "<|endoftext|>",
            "pad_token": pad,
            "do_lower_case": True,
            "errors": "replace",
            "add_prefix_space": False,
        },
    )


def make_model(name, m, seed):
    folder = f"{HERE}/{name}"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    torch.manual_seed(seed)
    unet = UNet2DConditionModel(**m["unet"]).eval()
    v = dict(m["vae"])
    levels = v.pop("levels")
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * levels, up_block_types=("UpDecoderBlock2D",) * levels, **v
    ).eval()
    text = CLIPTextModel(CLIPTextConfig(vocab_size=END + 1, bos_token_id=END - 1, eos_token_id=END, **m["text"])).eval()
    write_tokenizer(f"{folder}/tokenizer", m["max_length"], m["pad"])
    tokenizer = CLIPTokenizer.from_pretrained(f"{folder}/tokenizer")
    liven(unet, vae, text, token_ids(tokenizer, INSTRUCTION, ""), seed)

    def cast(model):
        return {k: t.to(m["dtype"]) for k, t in model.state_dict().items() if t.is_floating_point()}

    drop = m["drop"]
    write_part(f"{folder}/unet", unet, cast(unet), "diffusion_pytorch_model", drop.get("unet", []))
    state = cast(vae)
    write_part(
        f"{folder}/vae",
        vae,
        old_names(state) if m["old_names"] else state,
        "diffusion_pytorch_model",
        drop.get("vae", []),
    )
    state = {k.removeprefix("text_model."): t for k, t in cast(text).items()}
    if m["old_names"]:
        state = {f"text_model.{k}": t for k, t in state.items()}
        state["text_model.embeddings.position_ids"] = torch.arange(m["max_length"])[None]
    write_part(f"{folder}/text_encoder", text, state, "model", drop.get("text_encoder", []))
    os.makedirs(f"{folder}/scheduler")
    write_json(f"{folder}/scheduler/scheduler_config.json", m["scheduler"], indent=2)
    write_json(
        f"{folder}/model_index.json",
        {
            "_class_name": "StableDiffusionInstructPix2PixPipeline",
            "requires_safety_checker": False,
            "scheduler": ["diffusers", m["scheduler"]["_class_name"]],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        },
        indent=2,
    )
    return folder


def check_conditioning(name, pipe):
    """Fails if the reference's own rounding is not far below the tolerance of the tests."""
    g = torch.Generator().manual_seed(1)
    unet, words = pipe.unet, pipe.text_encoder(token_ids(pipe.tokenizer, INSTRUCTION, ""))[0]
    for height, width in ((5, 7), (2, 3)):
        sample = torch.randn(2, unet.config.in_channels, height, width, generator=g)
        single = unet(sample, 187.25, encoder_hidden_states=words).sample
        double = (
            copy.deepcopy(unet)
            .double()(sample.double(), torch.tensor(187.25), encoder_hidden_states=words.double())
            .sample
        )
        print(f"  {name} error of float32 {distance(single.double(), double):.1e}")
        assert distance(single.double(), double) < 2e-6


def check_sensitivity(name, pipe):
    """Each stage's answer to small faults; a test sees what moves it by more than 2e-4."""
    g = torch.Generator().manual_seed(1)
    unet, vae, text = pipe.unet, pipe.vae, pipe.text_encoder
    sample = torch.randn(3, unet.config.in_channels, 5, 7, generator=g)
    ids = token_ids(pipe.tokenizer, INSTRUCTION, "")
    words = text(ids)[0]
    words = torch.stack([words[0], words[1], words[1]])
    image = torch.rand(1, 3, 40, 40, generator=g) * 2 - 1
    latents = torch.randn(1, vae.config.latent_channels, 5, 7, generator=g)
    # 187.3: a timestep that matters to all frequencies
    measures = {
        "unet": (unet, lambda: unet(sample, 187.3, encoder_hidden_states=words).sample),
        "encoder": (vae.encoder, lambda: vae.encode(image).latent_dist.mode()),
        "decoder": (vae.decoder, lambda: vae.decode(latents).sample),
        "text": (text, lambda: text(ids)[0]),
    }
    faults = []
    for part, (module, measure) in measures.items():
        base = measure()
        kinds = {}
        for n, m in module.named_modules():
            if isinstance(m, (torch.nn.GroupNorm, torch.nn.LayerNorm)):
                kinds.setdefault(re.sub(r"\d+", "#", ".".join(n.split(".")[-3:])), []).append(m)
        for kind, norms in kinds.items():
            for factor in (0.1, 10):
                for m in norms:
                    m.eps *= factor
                faults.append((part, f"{kind} eps x{factor}", distance(measure(), base)))
                for m in norms:
                    m.eps /= factor
    base = measures["unet"][1]()
    gelu = F.gelu
    F.gelu = lambda x, approximate="none": gelu(x, approximate="tanh")
    faults.append(("unet", "tanh GELU", distance(measures["unet"][1](), base)))
    F.gelu = gelu
    faults.append(("unet", "rounded timestep", distance(unet(sample, 187, encoder_hidden_states=words).sample, base)))
    faults.append(
        ("unet", "other text", distance(unet(sample, 187.3, encoder_hidden_states=words.flip(0)).sample, base))
    )
    for part, fault, moved in faults:
        print(f"  {name} {part:8s} {fault:44s} {moved:.1e}{'' if moved > 4e-4 else '   too little'}")
    return [(name, part, fault, moved) for part, fault, moved in faults]


@torch.no_grad()
def main():
    seen = {}
    for number, (name, m) in enumerate(MODELS.items()):
        folder = make_model(name, m, m["seed"])
        pipe = load(folder)
        check_conditioning(name, pipe)
        for _, part, fault, moved in check_sensitivity(name, pipe):
            seen[part, fault] = max(moved, seen.get((part, fault), 0))
        golden, runs = {}, []
        for run in m["runs"]:
            run = {"instruction": INSTRUCTION, "negative": "", "sampler": None, **run}
            image = photo(*run["size"], seed=number)
            stages = reference_stages(pipe, image, **{k: v for k, v in run.items() if k not in ("name", "size")})
            stages["photo"] = torch.from_numpy(np.array(image))
            for key, value in stages.items():
                golden[f"{run['name']}.{key}"] = value
            runs.append(run)
            for step in range(run["steps"] if f"{run['name']}.branch.2.0" in golden else 0):
                text, image, blank = (golden[f"{run['name']}.branch.{i}.{step}"] for i in range(3))
                print(
                    f"  {name} {run['name']}: text moves prediction {step} by {distance(text, image):.2f}, "
                    f"image by {distance(blank, image):.2f}"
                )
                assert min(distance(text, image), distance(blank, image)) > (0.25 if step == 0 else 0.12)
        save_file({k: v.contiguous() for k, v in golden.items()}, f"{folder}/golden.safetensors")
        write_json(f"{folder}/golden.json", {"runs": runs}, indent=2)
    for name, (seed, architecture) in UNETS.items():
        make_unet(f"{HERE}/{name}", seed, architecture)
    # Floats around every half of a pixel value, and numpy's rounding of them.
    halves = np.arange(255, dtype=np.float64)
    x = ((halves + 0.5) / 255 * 2 - 1).astype(np.float32)
    x = np.concatenate([x, np.nextafter(x, np.float32(2)), np.nextafter(x, np.float32(-2)), [-3, 3, -1, 1, 0, 0.25]])
    x = torch.from_numpy(x.astype(np.float32))
    levels = ((x * 0.5 + 0.5).clamp(0, 1).numpy() * 255).round().astype("uint8")
    save_file({"values": x, "levels": torch.from_numpy(levels)}, f"{HERE}/rounding.safetensors")
    missed = [f"{part} {fault}" for (part, fault), moved in seen.items() if moved <= 4e-4]
    if missed:
        sys.exit(f"no model would show these faults: {missed}")


if __name__ == "__main__":
    main()
