"""Make the two AutoencoderTiny (TAESD) models beside this file and what diffusers computes with them.

    python make_tiny_autoencoders.py

Needs the packages of Tests/suites/parity/requirements.txt. `taesd-narrow` has the published architecture's blocks and
levels with 8 channels in place of 64; `taesd-odd` differs from the class's defaults wherever a field can.
"""

import os
import shutil

import torch
from diffusers import AutoencoderTiny
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = {
    "taesd-narrow": dict(encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4),
    "taesd-odd": dict(
        encoder_block_out_channels=(12,) * 3,
        decoder_block_out_channels=(16,) * 3,
        num_encoder_blocks=(2, 0, 1),
        num_decoder_blocks=(1, 2, 0),
        latent_channels=5,
        act_fn="silu",
        scaling_factor=0.7,
    ),
}


@torch.no_grad()
def main():
    for seed, (name, configuration) in enumerate(MODELS.items()):
        folder = f"{HERE}/{name}"
        shutil.rmtree(folder, ignore_errors=True)
        g = torch.Generator().manual_seed(seed)
        model = AutoencoderTiny(**configuration).eval()
        for p in model.parameters():
            # As large as keeps the values' spread from layer to layer, the shortcuts counted.
            p.copy_(torch.randn(p.shape, generator=g) * (0.2 if p.dim() == 1 else (1.6 / p[0].numel()) ** 0.5))
        model.half().save_pretrained(folder)
        model = model.float()
        image = torch.rand(1, 3, 40, 56, generator=g) * 2 - 1
        factor = 2 ** (len(model.config.num_encoder_blocks) - 1)
        latents = torch.randn(1, model.config.latent_channels, 40 // factor, 56 // factor, generator=g) * 2
        golden = {
            "image": image,
            "latents": model.encode(image).latents,
            "other_latents": latents,
            "decoded": model.decode(latents).sample,
        }
        save_file(golden, f"{folder}/golden.safetensors")
        print(
            name,
            {key: round(value.std().item(), 3) for key, value in golden.items()},
            sum(os.path.getsize(f"{folder}/{f}") for f in os.listdir(folder)),
            "bytes",
        )


if __name__ == "__main__":
    main()
