"""The arithmetic of one 512x512 picture in GFLOP, multiply and add counted apart: python arithmetic.py MODEL"""

import sys

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch.utils.flop_counter import FlopCounterMode


def gflop(call):
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        call()
    return round(counter.get_total_flops() / 1e9, 1)


def main():
    vae = AutoencoderKL.from_pretrained(sys.argv[1], subfolder="vae")
    unet = UNet2DConditionModel.from_pretrained(sys.argv[1], subfolder="unet")
    side, channels = 256, unet.config.in_channels
    words = torch.zeros(1, 77, unet.config.cross_attention_dim)
    print("encode", gflop(lambda: vae.encode(torch.zeros(1, 3, 512, 512))))
    print(
        "a UNet step, one branch",
        gflop(lambda: unet(torch.zeros(1, channels, side, side), 1, encoder_hidden_states=words)),
    )
    print("decode", gflop(lambda: vae.decode(torch.zeros(1, channels // 2, side, side))))
    for name, model in (("UNet", unet), ("autoencoder", vae)):
        print(name, "parameters, millions", round(sum(p.numel() for p in model.parameters()) / 1e6, 2))


if __name__ == "__main__":
    main()
