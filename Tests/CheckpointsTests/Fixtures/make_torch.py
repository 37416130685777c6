"""Makes the fixtures of `torch.save` and of the single-file layout: `python make_torch.py`.

`torch.json` holds, per file and key, what torch reads back (dtype, shape, values as float32 bits). `original.json`
holds, for the single-file checkpoints, the configurations and the checksums (CRC-32 of the float32 values) of the
tensors that diffusers' own conversion functions yield. `original-shapes.json` holds the keys and shapes of the smallest
single-file checkpoint that can run: its groups are of 32 channels and its words are CLIP's.
"""

import json
import os
import sys
import types
import zlib

import numpy
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders import single_file_utils as ldm
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

os.chdir(os.path.dirname(os.path.abspath(__file__)))
NAMES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64"}


def describe(state):
    return {
        k: {
            "dtype": NAMES[t.dtype],
            "shape": list(t.shape),
            "bits": [x & 0xFFFFFFFF for x in t.detach().float().contiguous().view(torch.int32).flatten().tolist()],
        }
        for k, t in state.items()
    }


def views():
    shared = torch.randn(4, 6)
    state = torch.nn.Sequential(torch.nn.Linear(3, 2)).state_dict()  # an OrderedDict with `_metadata`
    state.update(
        {
            "whole": shared,
            "transposed": shared.t(),
            "rows": shared[1:3],
            "columns": shared[:, 2:5],
            "last": shared[3, 5],
            "every other": shared[::2, ::3],
            "permuted": torch.randn(2, 3, 4).permute(2, 0, 1),
            "ones": torch.randn(1, 5, 1).transpose(0, 2),
            "half": torch.randn(3).half(),
            "brain": torch.randn(2, 2).bfloat16(),
            "parameter": torch.nn.Parameter(torch.randn(2)),
            "empty": torch.zeros(0, 3),
            "scalar": torch.tensor(-1.5),
            "model.position_ids": torch.arange(5)[None],
            "channels last": torch.randn(2, 3, 2, 2).to(memory_format=torch.channels_last),
        }
    )
    return state


lightning = types.ModuleType("pytorch_lightning.callbacks.model_checkpoint")
lightning.ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": lightning.__name__})
for name in ("pytorch_lightning", "pytorch_lightning.callbacks"):
    sys.modules[name] = types.ModuleType(name)
sys.modules[lightning.__name__] = lightning


def training(state):
    """What Lightning writes around the weights."""
    return {
        "epoch": 3,
        "global_step": 1 << 40,
        "pytorch-lightning_version": "1.4.2",
        "state_dict": state,
        "callbacks": {
            lightning.ModelCheckpoint: {"monitor": None, "best": torch.tensor(0.5), "dirs": ["a", -1, 70000]}
        },
        "optimizer_states": [
            {
                "state": {0: {"step": 9, "exp_avg": torch.zeros(2)}},
                "param_groups": [{"lr": 1e-4, "betas": (0.9, 0.999)}],
            }
        ],
        "lr_schedulers": [{"base_lrs": [numpy.float64(1e-4)], "size": torch.Size([2, 3]), "on": True, "off": False}],
    }


def saved_by_torch():
    """What `torch.save` writes, and what torch reads back."""
    state = views()
    torch.save(state, "views.bin")
    torch.save(state, "views-legacy.bin", _use_new_zipfile_serialization=False)
    torch.save(training({"weight": state["whole"]}), "training.ckpt")
    torch.save(training({"weight": state["whole"]}), "training-legacy.ckpt", _use_new_zipfile_serialization=False)
    goldens = {n: describe(torch.load(n, weights_only=True)) for n in ("views.bin", "views-legacy.bin")}
    goldens |= {
        n: describe(torch.load(n, weights_only=False)["state_dict"]) for n in ("training.ckpt", "training-legacy.ckpt")
    }
    with open("torch.json", "w") as file:
        json.dump(goldens, file, indent=1, sort_keys=True)


RESNET = [
    ("norm1", "in_layers.0"),
    ("conv1", "in_layers.2"),
    ("time_emb_proj", "emb_layers.1"),
    ("norm2", "out_layers.0"),
    ("conv2", "out_layers.3"),
    ("conv_shortcut", "skip_connection"),
]


def original_unet(state, levels, layers):
    """diffusers' names to the original's; checked below by diffusers' own conversion the other way."""
    places = {
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "conv_in": "input_blocks.0.0",
        "conv_norm_out": "out.0",
        "conv_out": "out.2",
        "mid_block.attentions.0": "middle_block.1",
    }
    resnets = {"mid_block.resnets.0": "middle_block.0", "mid_block.resnets.1": "middle_block.2"}
    for level in range(levels):
        for layer in range(layers):
            i = 1 + level * (layers + 1) + layer
            resnets[f"down_blocks.{level}.resnets.{layer}"] = f"input_blocks.{i}.0"
            places[f"down_blocks.{level}.attentions.{layer}"] = f"input_blocks.{i}.1"
        places[f"down_blocks.{level}.downsamplers.0.conv"] = f"input_blocks.{(level + 1) * (layers + 1)}.0.op"
        for layer in range(layers + 1):
            i = level * (layers + 1) + layer
            resnets[f"up_blocks.{level}.resnets.{layer}"] = f"output_blocks.{i}.0"
            places[f"up_blocks.{level}.attentions.{layer}"] = f"output_blocks.{i}.1"
        has_attention = f"up_blocks.{level}.attentions.0.norm.weight" in state
        places[f"up_blocks.{level}.upsamplers.0.conv"] = f"output_blocks.{i}.{2 if has_attention else 1}.conv"
    for new, old in resnets.items():
        for name, original in RESNET:
            places[f"{new}.{name}"] = f"{old}.{original}"
    return rename(state, places)


def original_vae(state, levels, layers):
    places = {"quant_conv": "quant_conv", "post_quant_conv": "post_quant_conv"}
    names = [
        ("norm1", "norm1"),
        ("conv1", "conv1"),
        ("norm2", "norm2"),
        ("conv2", "conv2"),
        ("conv_shortcut", "nin_shortcut"),
    ]
    for side in ("encoder", "decoder"):
        places |= {
            f"{side}.{n}": f"{side}.{o}"
            for n, o in (("conv_in", "conv_in"), ("conv_out", "conv_out"), ("conv_norm_out", "norm_out"))
        }
        places |= {
            f"{side}.mid_block.resnets.{i}.{n}": f"{side}.mid.block_{i + 1}.{o}" for i in (0, 1) for n, o in names
        }
        places |= {
            f"{side}.mid_block.attentions.0.{n}": f"{side}.mid.attn_1.{o}"
            for n, o in (("group_norm", "norm"), ("to_q", "q"), ("to_k", "k"), ("to_v", "v"), ("to_out.0", "proj_out"))
        }
    for level in range(levels):
        up = levels - 1 - level
        places |= {
            f"encoder.down_blocks.{level}.resnets.{i}.{n}": f"encoder.down.{level}.block.{i}.{o}"
            for i in range(layers)
            for n, o in names
        }
        places |= {
            f"decoder.up_blocks.{level}.resnets.{i}.{n}": f"decoder.up.{up}.block.{i}.{o}"
            for i in range(layers + 1)
            for n, o in names
        }
        places[f"encoder.down_blocks.{level}.downsamplers.0.conv"] = f"encoder.down.{level}.downsample.conv"
        places[f"decoder.up_blocks.{level}.upsamplers.0.conv"] = f"decoder.up.{up}.upsample.conv"
    return {k: v[:, :, None, None] if ".attn_1." in k and v.dim() == 2 else v for k, v in rename(state, places).items()}


def rename(state, places):
    renamed = {}
    for key, value in state.items():
        layer, _, kind = key.rpartition(".")
        renamed[f"{places[layer] if layer in places else attention(key, places)}.{kind}"] = value
    return renamed


def attention(key, places):
    """A key inside of a transformer: only its front changes."""
    new = next(p for p in places if ".attentions." in p and key.startswith(p + "."))
    return places[new] + key.rpartition(".")[0][len(new) :]


UNET = dict(
    sample_size=128,
    in_channels=8,
    out_channels=4,
    layers_per_block=2,
    block_out_channels=(4, 8, 12),
    norm_num_groups=2,
    down_block_types=("CrossAttnDownBlock2D",) * 2 + ("DownBlock2D",),
    up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 2,
    cross_attention_dim=12,
    attention_head_dim=2,
)
VAE = dict(
    in_channels=3,
    out_channels=3,
    down_block_types=("DownEncoderBlock2D",) * 3,
    up_block_types=("UpDecoderBlock2D",) * 3,
    block_out_channels=(2, 4, 4),
    layers_per_block=1,
    latent_channels=4,
    norm_num_groups=2,
)
TEXT = dict(
    vocab_size=60,
    hidden_size=12,
    intermediate_size=20,
    num_hidden_layers=2,
    num_attention_heads=1,
    max_position_embeddings=9,
)
# What these sizes are in the original's own configuration.
ORIGINAL = {
    "model": {
        "params": {
            "scale_factor": 0.18215,
            "unet_config": {
                "params": {
                    "in_channels": 8,
                    "out_channels": 4,
                    "model_channels": 4,
                    "channel_mult": [1, 2, 3],
                    "num_res_blocks": 2,
                    "attention_resolutions": [1, 2],
                    "num_heads": 8,
                    "transformer_depth": 1,
                    "context_dim": 12,
                }
            },
            "first_stage_config": {
                "params": {
                    "ddconfig": {
                        "ch": 2,
                        "ch_mult": [1, 2, 2],
                        "in_channels": 3,
                        "out_ch": 3,
                        "z_channels": 4,
                        "num_res_blocks": 1,
                    }
                }
            },
        }
    }
}


def randomise(model):
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape) * 0.3)
    return model


def single_file(dtype):
    unet, averaged = (randomise(UNet2DConditionModel(**UNET)).state_dict() for _ in range(2))
    vae, text = (randomise(m).state_dict() for m in (AutoencoderKL(**VAE), CLIPTextModel(CLIPTextConfig(**TEXT))))
    text = {k if k.startswith("text_model.") else f"text_model.{k}": v for k, v in text.items()}
    state = {f"model.diffusion_model.{k}": v for k, v in original_unet(unet, 3, 2).items()}
    state |= {"model_ema.diffusion_model" + k.replace(".", ""): v for k, v in original_unet(averaged, 3, 2).items()}
    state |= {f"first_stage_model.{k}": v for k, v in original_vae(vae, 3, 1).items()}
    state |= {f"cond_stage_model.transformer.{k}": v for k, v in text.items()}
    state |= {
        "betas": torch.randn(10),
        "model_ema.decay": torch.tensor(0.9999),
        "first_stage_model.loss.logvar": torch.zeros(()),
    }
    state = {k: v.to(dtype).contiguous() for k, v in state.items()}
    state["model_ema.num_updates"] = torch.tensor(7, dtype=torch.int32)
    state["cond_stage_model.transformer.text_model.embeddings.position_ids"] = torch.arange(9)[None]
    for ema, expected in ((False, unet), (True, averaged)):
        found = ldm.convert_ldm_unet_checkpoint(state, UNET, extract_ema=ema)
        assert found.keys() == expected.keys() and all(torch.equal(found[k], expected[k].to(dtype)) for k in found)
    found = ldm.convert_ldm_vae_checkpoint(state, VAE)
    assert found.keys() == vae.keys() and all(torch.equal(found[k], vae[k].to(dtype)) for k in found)
    return state


def checksums(state):
    return {
        k: {"shape": list(v.shape), "crc": zlib.crc32(v.float().numpy().tobytes())}
        for k, v in state.items()
        if not k.endswith("position_ids")
    }


def single_files():
    """Files in the single-file layout, and what diffusers makes of them."""
    goldens = {}
    for name, dtype in (("original.ckpt", torch.float32), ("original-half.safetensors", torch.float16)):
        state = single_file(dtype)
        if name.endswith("ckpt"):
            torch.save(training(state), name)
        else:
            save_file(state, name)
        goldens[name] = {
            "unet": checksums(ldm.convert_ldm_unet_checkpoint(state, UNET)),
            "unet_ema": checksums(ldm.convert_ldm_unet_checkpoint(state, UNET, extract_ema=True)),
            "vae": checksums(ldm.convert_ldm_vae_checkpoint(state, VAE)),
            "text_encoder": checksums(ldm.convert_ldm_clip_checkpoint(state)),
        }
        configs = {
            "unet": ldm.create_unet_diffusers_config_from_ldm(ORIGINAL, state),
            "vae": ldm.create_vae_diffusers_config_from_ldm(ORIGINAL, state),
        }
        # Fields that stay at diffusers' default, null, need not be written.
        goldens["configurations"] = {p: {k: v for k, v in c.items() if v is not None} for p, c in configs.items()}
    with open("original.json", "w") as file:
        json.dump(goldens, file, sort_keys=True, separators=(",", ":"))


def smallest():
    """The shapes of the smallest single file that can run; the tests fill it with values themselves."""
    small = dict(
        UNET,
        layers_per_block=1,
        block_out_channels=(32, 32),
        norm_num_groups=32,
        cross_attention_dim=8,
        attention_head_dim=8,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )
    small_vae = dict(
        VAE,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(32, 32),
        norm_num_groups=32,
    )
    small_text = dict(
        TEXT, vocab_size=49408, hidden_size=8, num_hidden_layers=1, max_position_embeddings=77, eos_token_id=49407
    )
    with torch.device("meta"):
        unet, vae, text = (
            UNet2DConditionModel(**small),
            AutoencoderKL(**small_vae),
            CLIPTextModel(CLIPTextConfig(**small_text)),
        )
    shapes = {f"model.diffusion_model.{k}": v for k, v in original_unet(unet.state_dict(), 2, 1).items()}
    shapes |= {f"first_stage_model.{k}": v for k, v in original_vae(vae.state_dict(), 2, 1).items()}
    shapes |= {
        f"cond_stage_model.transformer.{k if k.startswith('text_model.') else 'text_model.' + k}": v
        for k, v in text.state_dict().items()
    }
    found = {k: list(v.shape) for k, v in shapes.items() if not k.endswith("position_ids")}
    with open("original-shapes.json", "w") as file:
        json.dump(found, file, sort_keys=True, separators=(",", ":"))


def main():
    torch.manual_seed(11)
    saved_by_torch()
    single_files()
    smallest()


if __name__ == "__main__":
    main()
