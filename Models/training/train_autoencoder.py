"""Stage 2, the autoencoder: python train_autoencoder.py PAIRS OUT [--minutes 20]. Goes on where it was interrupted."""
import argparse, math
import numpy as np, torch
from diffusers import AutoencoderKL
from common import Run, residual_as_identity
from pairs import LAYERS, Pairs, colours, edges, images

SHARE = {"photo": 0.4, "cartoon": 0.4, "sketch": 0.1, "watercolor": 0.1}

if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("pairs"); p.add_argument("out")
    p.add_argument("--minutes", type=float, default=20); p.add_argument("--rate", type=float, default=2e-3)
    a = p.parse_args()
    torch.manual_seed(0)
    # Half resolution: at a quarter no autoencoder this small became sharp. No attention: it would cost more than all else.
    vae = AutoencoderKL(block_out_channels=(32, 64), down_block_types=("DownEncoderBlock2D",) * 2,
                        up_block_types=("UpDecoderBlock2D",) * 2, layers_per_block=1, latent_channels=8, norm_num_groups=8,
                        mid_block_add_attention=False, sample_size=256, scaling_factor=1.0)
    vae = vae.to(memory_format=torch.channels_last)
    residual_as_identity(vae)
    data = Pairs(a.pairs)
    run = Run(a.out, list(vae.parameters()), a.minutes, a.rate)
    rng = np.random.default_rng(run.step)
    while True:
        image = images([data.crop(rng, 64)[..., LAYERS[rng.choice(list(SHARE), p=list(SHARE.values()))]] for _ in range(6)])
        with torch.autocast("cpu", torch.bfloat16, enabled=run.done < 0.9):  # the last digits in float32
            mean = vae.encode(image).latent_dist.mean
            out = vae.decode(mean + torch.randn_like(mean) * 0.03).sample.float()
        mse = (out - image).pow(2).mean()
        hue = colours(out, image)
        loss = ((out - image).abs().mean() + 0.5 * mse + 0.7 * edges(out, image) + 2 * hue
                + 1e-3 * mean.float().pow(2).mean())
        if run.descend(loss, {"psnr": 10 * math.log10(4 / mse.item()), "hue": hue.item()}): break
    run.averaged()
    vae.save_pretrained(a.out)
