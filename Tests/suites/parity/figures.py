"""Print the figures of `cartoonize verify` as diffusers computes them from a model folder, in float32 on
the CPU.

python figures.py MODEL > figures.json
cartoonize verify MODEL --against figures.json
"""

import json
import sys

import numpy as np
import torch

from parity import load, token_ids


def wave(*shape):
    return torch.from_numpy(np.sin(0.7 * np.arange(np.prod(shape))).astype("float32")).reshape(shape)


def figures(output):
    values = output.float().flatten().double()
    return {
        "shape": list(output.shape),
        "mean": values.mean().item(),
        "rms": values.square().mean().sqrt().item(),
        "samples": [values[i * len(values) // 16].item() for i in range(16)],
    }


@torch.no_grad()
def model_figures(pipe):
    unet, vae = pipe.unet, pipe.vae
    levels = len(unet.config.block_out_channels)
    side = max(8, 1 << (levels - 1) if unet.config.downsample_padding == 0 else 1)
    pixels = side << (len(vae.config.block_out_channels) - 1)
    ids = token_ids(pipe.tokenizer, "Cartoonize the following image")
    words = wave(1, ids.shape[1], pipe.text_encoder.config.hidden_size)
    return {
        "text_encoder": figures(pipe.text_encoder(ids)[0]),
        "image_encoder": figures(vae.encode(wave(1, 3, pixels, pixels)).latent_dist.mode()),
        "unet": figures(unet(wave(1, unet.config.in_channels, side, side), 500, encoder_hidden_states=words).sample),
        "image_decoder": figures(vae.decode(wave(1, vae.config.latent_channels, side, side)).sample),
    }


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(json.dumps(model_figures(load(sys.argv[1])), indent=1, sort_keys=True))


if __name__ == "__main__":
    main()
